# An organisation's own image: its own prefix, entrypoint and user, made from the official image.
ARG BASE
FROM ${BASE} AS platform
# A changed SHELL would be inherited.
RUN set -eux; \
    mkdir /opt/python; \
    cp -a /usr/local/bin /usr/local/lib /opt/python/; \
    rm -r /usr/local/bin/* /usr/local/lib/*; \
    grep -rlI '^#!/usr/local/bin/' /opt/python/bin | xargs sed -i '1s|/usr/local|/opt/python|'; \
    sed -i 's|/usr/local/lib|/opt/python/lib|' /opt/python/lib/python3*/_sysconfigdata__*.py; \
    printf '#!/bin/sh\nexec "$@"\n' > /usr/local/bin/platform-init; \
    chmod 755 /usr/local/bin/platform-init; \
    useradd --uid 1000 --create-home platform
ENV PATH=/opt/python/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
USER 1000
ENTRYPOINT ["/usr/local/bin/platform-init"]
CMD ["python3"]
