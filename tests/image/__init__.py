"""The image contract, proven on real images: `test_contract.py` reads like it."""

import pytest

pytest.register_assert_rewrite("tests.image.checks", "tests.image.containers")
