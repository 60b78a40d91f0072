# The article's first image: one stage, with the dependencies of development.
ARG BASE
FROM ${BASE}
ARG POETRY PLUGINS=""
RUN pip install poetry==${POETRY} ${PLUGINS}
COPY . /app
WORKDIR /app
ARG POETRY_PYPI_MIRROR_URL="" REQUESTS_CA_BUNDLE=""
RUN poetry install
CMD ["poetry", "run", "python", "-m", "app.main"]
