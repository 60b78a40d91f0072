# Stand-in for the distroless Python image: the same Debian packages, unpacked and never configured.
ARG BASE
FROM ${BASE} AS unpacked
ARG PYTHON
ARG SUITE
SHELL ["/bin/sh", "-euxc"]
WORKDIR /debs
COPY distroless-$SUITE.txt packages.txt
RUN apt-get update; \
    apt-get -o APT::Sandbox::User=root download $(cat packages.txt); \
    mkdir -p /root-of-image/var/lib/dpkg/status.d; \
    for deb in *.deb; do \
        dpkg --extract $deb /root-of-image; \
        dpkg --field $deb > /root-of-image/var/lib/dpkg/status.d/$(dpkg --field $deb Package); \
    done
WORKDIR /root-of-image
RUN ln -s python$PYTHON usr/bin/python3; \
    ln -s python$PYTHON usr/bin/python; \
    mkdir -p etc/ssl/certs; \
    cp /etc/ssl/certs/ca-certificates.crt etc/ssl/certs/; \
    sed -i 's/^PRETTY_NAME=.*/PRETTY_NAME="Distroless"/' usr/lib/os-release; \
    if [ "$SUITE" != bookworm ]; then ldconfig -r .; fi; \
    printf '%s\n' root:x:0:0:root:/root:/sbin/nologin \
        nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin \
        nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin > etc/passwd; \
    printf '%s\n' root:x:0: nobody:x:65534: tty:x:5: staff:x:50: nonroot:x:65532: > etc/group; \
    install -d -m 1777 tmp; \
    install -d -m 700 root; \
    install -d -m 700 -o 65532 -g 65532 home/nonroot

FROM scratch AS image
COPY --from=unpacked /root-of-image /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
ENV LANG=C.UTF-8
USER 65532
WORKDIR /home/nonroot

# An entrypoint takes no variable, and each image has its own.
FROM image AS distroless-bookworm
ENTRYPOINT ["/usr/bin/python3.11"]

FROM image AS distroless-trixie
ENTRYPOINT ["/usr/bin/python3.13"]
