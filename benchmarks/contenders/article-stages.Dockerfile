# The article's last image: a second stage leaves Poetry out. The bars are set against it.
ARG BASE
FROM ${BASE} AS builder
ARG POETRY PLUGINS=""
RUN pip install poetry==${POETRY} ${PLUGINS}
COPY . /app
WORKDIR /app
ARG POETRY_PYPI_MIRROR_URL="" REQUESTS_CA_BUNDLE=""
RUN poetry install --without dev

FROM ${BASE}
COPY --from=builder /app /app
WORKDIR /app
ENV PATH="/app/.venv/bin:$PATH"
CMD ["python", "-m", "app.main"]
