"""What the old system left behind, for the tests of bringing it along."""

import os
from pathlib import Path

import pytest

from dev.settings import ROOT


@pytest.fixture(scope="session")
def legacy() -> Path:
    """The folder of progress files and databases that the old software wrote; it lies beside the repository."""
    folder = ROOT.parent / "shared" / "legacy"
    if not folder.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{folder} is missing")
        pytest.skip(f"{folder} is not there")
    return folder
