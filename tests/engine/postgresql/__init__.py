"""A stand-in for the PostgreSQL image: Debian's server, its name, variables, paths and start."""

import hashlib
from pathlib import Path

from tests.engine import Engine, apt
from tests.engine.cache import folder, once

RECIPE = Path(__file__).parent
BASE = "python:3.13-slim-trixie"
NAME = "postgres:17-trixie"


def provide(engine: Engine) -> None:
    """Have the image on a private engine; a developer's own pulls it."""
    if not engine.private or engine.docker["image", "inspect", NAME].run(retcode=None)[0] == 0:
        return
    parts = [(RECIPE / name).read_bytes() for name in ("Dockerfile", "entrypoint.sh")]
    key = hashlib.sha256(b"\0".join([*parts, apt.mirror().encode()])).hexdigest()[:12]

    def make(archive: Path) -> None:
        engine.base(BASE)
        flags = ["--provenance=false", f"--network={engine.network}", f"--build-arg=BASE={BASE}"]
        engine.docker("build", *flags, f"--tag={NAME}", RECIPE)
        engine.docker("save", "--output", archive, NAME)

    archive = once(folder() / f"postgres_17-trixie-{key}.tar", make)
    engine.docker("load", "--quiet", "--input", archive)
