# Stand-ins for distroless images: the same Debian packages, unpacked and never configured.
ARG BASE
FROM ${BASE} AS unpacked
ARG TARGET
SHELL ["/bin/sh", "-euxc"]
WORKDIR /debs
COPY $TARGET.txt packages.txt
RUN apt-get update; \
    compiler=$(apt-cache depends libgcc-s1 | awk '/Depends: gcc-/ { print $2 }'); \
    apt-get -o APT::Sandbox::User=root download $(cat packages.txt) $compiler; \
    mkdir -p /root-of-image/var/lib/dpkg/status.d; \
    for deb in *.deb; do \
        dpkg --extract $deb /root-of-image; \
        record=/root-of-image/var/lib/dpkg/status.d/$(dpkg --field $deb Package); \
        dpkg --field $deb > $record; \
        dpkg-deb --info $deb md5sums > $record.md5sums; \
    done
WORKDIR /root-of-image
RUN mkdir -p etc/ssl/certs; \
    cp /etc/ssl/certs/ca-certificates.crt etc/ssl/certs/; \
    sed -i 's/^PRETTY_NAME=.*/PRETTY_NAME="Distroless"/' usr/lib/os-release; \
    printf '%s\n' root:x:0:0:root:/root:/sbin/nologin \
        nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin \
        nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin > etc/passwd; \
    printf '%s\n' root:x:0: nobody:x:65534: tty:x:5: staff:x:50: nonroot:x:65532: > etc/group; \
    install -d -m 1777 tmp; \
    install -d -m 700 root; \
    install -d -m 700 -o 65532 -g 65532 home/nonroot

FROM unpacked AS python
ARG PYTHON
RUN ln -s python$PYTHON usr/bin/python3; \
    ln -s python$PYTHON usr/bin/python; \
    ldconfig -r .

FROM scratch AS distroless-cc
COPY --from=unpacked /root-of-image /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 65532
WORKDIR /home/nonroot

FROM distroless-cc AS distroless-python3
COPY --from=python /root-of-image /
ENV LANG=C.UTF-8
# An entrypoint takes no variable.
ENTRYPOINT ["/usr/bin/python3.13"]
