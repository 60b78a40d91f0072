"""Small services of the shapes that real ones have."""

from __future__ import annotations

from .support import OFFERED, PYTHON

APPLICATION = {
    "app/__init__.py": "",
    "app/main.py": "from core.rules import rule\n\nif __name__ == '__main__':\n    print(rule)\n",
    "core/__init__.py": "",
    "core/rules.py": "rule = '/health/ready'\n",
    "migrations/env.py": "",
    "alembic.ini": "[alembic]\n",
    "tests/test_main.py": "def test() -> None: ...\n",
    "README.md": "# Ours\n",
    ".gitignore": "*.sqlite\n.env",
    "Makefile": "deploy:\n\techo deploy\ntest:\n\techo test\n",
    "Dockerfile": f"""\
FROM python:{OFFERED[-1]}-slim AS build
RUN apt-get update \\
    # the compiler
    && apt-get install -y --no-install-recommends gcc=4:12 libpq-dev curl
FROM python:{OFFERED[-1]}-slim
RUN apt-get update && apt-get install -y ffmpeg
ENV PYTHONUNBUFFERED=1 WORKERS=4
ENV REGION eu-1
COPY . .
USER 1234:1234
EXPOSE 9000
CMD ["uvicorn", "app.main:app", "--port", "9000"]
""",
}

POETRY_1 = {
    **APPLICATION,
    "pyproject.toml": """\
[tool.isort]
profile = "black"   # ours

[tool.poetry]
name = "order-desk"
version = "1.4.2"
description = "Takes orders."
authors = ["Ann Other <ann@example.com>"]
license = "MIT"

[tool.poetry.group.dev.dependencies]
pytest = "*"

[tool.ruff]
line-length = 120

[build-system]
requires = ["poetry-core"]
build-backend = "poetry.core.masonry.api"

# Kept old on purpose.
[tool.poetry.dependencies]
python = "^3.11"
fastapi = {version = ">=0.100", extras = ["all"]}  # the API
helper = {git = "https://git.example.com/helper.git", rev = "v1"}

[tool.poetry.scripts]
desk = "app.main:main"
""",
}

POETRY_2 = {
    **APPLICATION,
    "pyproject.toml": f"""\
[project]
name = "nightly-report"
version = "0.3.0"
description = "Writes the report."
authors = [{{name = "Night Team", email = "night@example.com"}}]
requires-python = ">={OFFERED[1]},<3.99"
dependencies = [
    "celery[redis]>=5",  # the queue
]

[project.optional-dependencies]
pdf = ["weasyprint"]

[dependency-groups]
dev = ["pytest"]

[build-system]
requires = ["poetry-core>=2.0"]
build-backend = "poetry.core.masonry.api"
""",
}


def pipfile(source: str, python: str = PYTHON) -> str:
    """Return a Pipfile that takes its packages from this index."""
    return f"""\
[[source]]
url = "{source}"
verify_ssl = true
name = "pypi"

[packages]
# held back: 2 breaks us
alpha = ">=1"  # the engine

[dev-packages]
gamma = "*"

[scripts]
serve = "python -m app.main"

[requires]
python_version = "{python}"
"""


def pipfile_lock(packages: dict[str, str], dev: dict[str, str]) -> str:
    """Return a Pipfile.lock with these entries: JSON by name."""
    sections = {"default": packages, "develop": dev}
    texts = [
        f'"{section}": {{{", ".join(f"{chr(34)}{n}{chr(34)}: {e}" for n, e in entries.items())}}}'
        for section, entries in sections.items()
    ]
    meta = '"_meta": {"hash": {"sha256": "0"}, "pipfile-spec": 6, "requires": {}, "sources": []}'
    return f"{{{meta}, {', '.join(texts)}}}"
