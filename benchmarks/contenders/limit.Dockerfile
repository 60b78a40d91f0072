# The limit: the base, what the wheels hold, the bytecode of what a start loads, the application.
ARG BASE
FROM ${BASE} AS wheels
WORKDIR /app
COPY requirements.txt .
RUN python -m venv --without-pip .venv \
    && pip --python .venv/bin/python install --no-cache-dir --no-compile --no-deps -r requirements.txt

# Here nothing but the start of the service has left bytecode.
FROM ${BASE} AS started
COPY --from=wheels /app/.venv /app/.venv
COPY app /app/app
WORKDIR /app
ENV PATH="/app/.venv/bin:$PATH"
RUN --mount=source=start.py,target=/start.py python /start.py
RUN mkdir /layer \
    && find /usr/local/lib -name '*.pyc' | tar --create --files-from=- | tar --extract --directory=/layer \
    && cp -a /app /layer/

FROM ${BASE}
COPY --from=started /layer /
ENV PATH="/app/.venv/bin:$PATH"
WORKDIR /app
CMD ["python", "-m", "app.main"]
