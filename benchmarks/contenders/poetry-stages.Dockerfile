# The best earlier pattern for Poetry: a base, Poetry in an environment of its own, the application;
# downloads are kept between builds. It would install compilers too: no package here needs them, so
# they are left out, to its advantage.
ARG BASE
FROM ${BASE} AS base
ENV PYTHONFAULTHANDLER=1 PYTHONUNBUFFERED=1
RUN groupadd --gid 1000 user && useradd --create-home --gid 1000 --uid 1000 user && chown user /opt
USER user
WORKDIR /app

FROM base AS poetry
USER root
ARG POETRY PLUGINS=""
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv /opt/poetry-env \
    && /opt/poetry-env/bin/pip install poetry==${POETRY} ${PLUGINS} \
    && ln -s /opt/poetry-env/bin/poetry /usr/local/bin/poetry
USER user
RUN python -m venv --without-pip /opt/app-env
ENV VIRTUAL_ENV=/opt/app-env PATH="/opt/app-env/bin:$PATH"
COPY --chown=user:user poetry.lock pyproject.toml ./
ARG POETRY_PYPI_MIRROR_URL="" REQUESTS_CA_BUNDLE=""
RUN --mount=type=cache,uid=1000,gid=1000,target=/home/user/.cache/pypoetry \
    poetry install --only main --no-interaction

FROM base AS app
COPY --from=poetry /opt/app-env /opt/app-env
ENV VIRTUAL_ENV=/opt/app-env PATH="/opt/app-env/bin:$PATH"
COPY --chown=user:user . .
CMD ["python", "-m", "app.main"]
