"""What the old system left behind, for the tests of bringing it along."""

from pathlib import Path

import pytest

from dev.settings import ROOT


@pytest.fixture(scope="session")
def legacy() -> Path:
    """The folder of progress files and databases that the old software wrote."""
    return ROOT / "tests" / "fixtures" / "legacy"
