"""The image contract, proven on real images: `test_contract.py` reads like it."""

import sys
from pathlib import Path

import pytest

# The template's tasks import each other by their names alone, and so does what tests them.
sys.path.append(str(Path(__file__).parents[2] / "tasks"))
pytest.register_assert_rewrite("tests.image.checks", "tests.image.containers")
