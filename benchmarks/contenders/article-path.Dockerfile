# The article's third image: one stage, with the environment on PATH instead of `poetry run`.
ARG BASE
FROM ${BASE}
ARG POETRY PLUGINS=""
RUN pip install poetry==${POETRY} ${PLUGINS}
COPY . /app
WORKDIR /app
ARG POETRY_PYPI_MIRROR_URL="" REQUESTS_CA_BUNDLE=""
RUN poetry install --without dev
ENV PATH="/app/.venv/bin:$PATH"
CMD ["python", "-m", "app.main"]
