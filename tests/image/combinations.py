"""Which images are held to the contract."""

from __future__ import annotations

from typing import NamedTuple

import pytest


class Combination(NamedTuple):
    """What distinguishes one image of the matrix from another."""

    kind: str
    base: str
    python: str

    def __str__(self) -> str:
        return "-".join(self)


# `inhouse` is no base of the template's standard: an image made elsewhere, which has a prefix, an
# entrypoint and a user of its own. Its organisation's standard calls it `custom`.
EVERY = [
    Combination(kind, base, python)
    for python, own in (("3.13", "custom"), ("3.11", "inhouse"))
    for base in ("slim", "distroless", own)
    for kind in ("web", "worker", "job")
] + [Combination("web", "slim", "3.14"), Combination("web", "distroless", "3.14")]

# Builds without cache take long: here each kind has each base, on one Python or the other.
FEW = [
    Combination("web", "slim", "3.13"),
    Combination("worker", "distroless", "3.13"),
    Combination("job", "custom", "3.13"),
    Combination("web", "distroless", "3.11"),
    Combination("worker", "inhouse", "3.11"),
    Combination("job", "slim", "3.11"),
    Combination("web", "custom", "3.13"),
    Combination("worker", "slim", "3.11"),
    Combination("job", "distroless", "3.13"),
]

# On these the build adds to what the runtime image has.
COMPOSED = [image for image in EVERY if image.base == "distroless" and image.python != "3.13"]

# And here one image of each kind and each base is enough.
MIXED = FEW[3:6]


def of(*kinds: str, among: list[Combination] = EVERY) -> pytest.MarkDecorator:
    """Ask for the fixture `service`: built, once for each combination of these kinds."""
    chosen = [image for image in among if not kinds or image.kind in kinds]
    return pytest.mark.parametrize("service", chosen, ids=str, indirect=True)
