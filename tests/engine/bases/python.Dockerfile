# Stand-in for the official slim Python image, made of Debian's own interpreter.
# The context holds root.tar (Debian with python3 and python3-venv), ca-certificates.crt and perhaps pip.conf.
FROM scratch AS root
ADD root.tar /

FROM root AS moved
ARG PYTHON
ENV PYTHONDONTWRITEBYTECODE=1
SHELL ["/bin/sh", "-euxc"]
COPY docker-clean /etc/apt/apt.conf.d/docker-clean
# Debian's interpreter finds its library beside itself, so it works from any prefix. Official images
# know only site-packages: a name of the same length, also in the copy of site.py frozen in the binary.
# ensurepip finds its wheels where CPython has them.
RUN lib=/usr/local/lib/python$PYTHON; \
    cp -a /usr/lib/python$PYTHON /usr/local/lib/; \
    cp -a /usr/bin/python$PYTHON /usr/local/bin/; \
    ln -s python$PYTHON /usr/local/bin/python3; \
    ln -s python3 /usr/local/bin/python; \
    rm -f $lib/EXTERNALLY-MANAGED $lib/_distutils_system_mod.py $lib/sitecustomize.py; \
    mkdir -p $lib/site-packages $lib/ensurepip/_bundled; \
    cp /usr/share/python-wheels/*.whl $lib/ensurepip/_bundled/; \
    sed -i "s|'WHEEL_PKG_DIR': .*|'WHEEL_PKG_DIR': '$lib/ensurepip/_bundled',|" $lib/_sysconfigdata__*.py; \
    sed -i "s/'posix_local'\()\?\)\$/'posix_prefix'\1/" $(find $lib -path '*sysconfig*' -name '*.py' -not -path '*distutils*'); \
    LC_ALL=C sed -i 's/dist-packages/site-packages/g' $lib/site.py /usr/local/bin/python$PYTHON
# Keep the libraries that the moved interpreter is linked to; the packages it came in go, and in
# bookworm a helper for upgrades that brings all of Perl.
RUN if dpkg --status usrmerge; then \
        apt-get update; \
        apt-get install -y usr-is-merged usrmerge-; \
        apt-mark auto '.*perl.*' 'libgdbm.*'; \
    fi; \
    find /usr/local -type f \( -perm -100 -o -name '*.so' \) -exec ldd '{}' ';' 2>/dev/null \
    | awk '/=>/ { sub("^/(usr/)?", "", $(NF-1)); print "*" $(NF-1) }' | sort -u \
    | xargs dpkg-query --search | grep -v '^diversion' | cut -d: -f1 | sort -u | xargs apt-mark manual > /dev/null; \
    apt-get purge -y --auto-remove 'python3*' 'libpython3*'; \
    rm -rf /usr/lib/python3 /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/* /var/log/*
# As in ensurepip: pip installs itself from its wheel; setuptools was part of official images until 3.11.
RUN wheels=$(find /usr/local/lib -name 'pip-*.whl'); \
    if [ "$PYTHON" = 3.11 ]; then wheels="$wheels $(find /usr/local/lib -name 'setuptools-*.whl')"; fi; \
    PYTHONPATH=${wheels%% *} python3 -m pip install --no-index --no-compile --no-cache-dir $wheels; \
    ln -sf pip3 /usr/local/bin/pip; \
    find / -xdev -depth -name __pycache__ -exec rm -rf '{}' +
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
# Only where there is one.
COPY pip.con[f] /etc/

FROM scratch AS python
COPY --from=moved / /
ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ARG PYTHON_VERSION
ENV PYTHON_VERSION=$PYTHON_VERSION
CMD ["python3"]

# Official images set the locale up to Python 3.12.
FROM python AS python-with-lang
ENV LANG=C.UTF-8
