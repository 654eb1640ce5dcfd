"""Fixtures of the security tests, besides those of tests/conftest.py.

calls       the client of `http` without a socket between: the functions are called in this process
bare        the same where no database can be reached: whoever gets past a guard meets a 503
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dev.harness.clerk import TokenFactory
from dev.harness.in_process import InProcess
from dev.settings import SETTINGS, SigningKey, new_encryption_key
from lib import bootstrap


@pytest.fixture
def calls(environment: dict[str, str], token: TokenFactory) -> InProcess:
    """Calls every function directly, in a good environment with an empty database."""
    return InProcess("", 0, token)


@pytest.fixture
def bare(signing_key: SigningKey, token: TokenFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[InProcess]:
    """Calls every function directly, in a good environment without a database."""
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.setenv("CLERK_JWT_KEY", signing_key.public_pem)
    monkeypatch.setenv("API_KEY_ENCRYPTION_KEYS", new_encryption_key())
    bootstrap.reset()
    yield InProcess("", 0, token)
    bootstrap.reset()
