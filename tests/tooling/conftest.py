"""Fixtures for the tests of the tooling."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder for a Postgres server's data.

    When we are root, Postgres runs as another user, and every start of a pytest closes `tmp_path` to other users again.
    """
    with tempfile.TemporaryDirectory(prefix="onboarding-tests-") as folder:
        yield Path(folder)
