# Stand-in for an official image of a Python that the Debian suite lacks: another suite's interpreter.
ARG BASE
ARG OTHER
FROM ${OTHER} AS other
FROM ${BASE} AS older
RUN rm -r /usr/local/bin/* /usr/local/lib/*
COPY --from=other /usr/local /usr/local
RUN python -B -c "import _ssl, _sqlite3, _ctypes, _lzma, _bz2, _dbm, readline, _curses"
ARG PYTHON
ENV PYTHON_VERSION=$PYTHON.0 LANG=C.UTF-8
