# Next to nothing: a build with nothing to do takes the engine's own time.
ARG BASE
FROM ${BASE}
COPY app /app/app
