"""Fixtures for every test.

session-scoped
    postgres            one embedded server of this xdist worker: `.url(database)`, `.stop()`, `.start()`,
                        `.create_database(name)`, `.drop_database(name)`; it may be stopped, but must be started again
    template_database   name of the database that `alembic upgrade head` made once, to be cloned
    signing_key         `.private_pem`, `.public_pem`, `.sign(claims, headers=…)`
    token               `token("user_a", exp=…, azp=None, key=other_key)` -> Clerk v2 session token, RS256
function-scoped
    database_url        a fresh migrated database, logged in as its owner, who is no superuser
    empty_database_url  a fresh database without a schema
    environment         the variables of a good deployment on `database_url`, as a dict; nothing else of ours is set.
                        Change one with monkeypatch.setenv and then call `lib.bootstrap.reset()`
    http                `http.get(path, user="user_a")`, `.post(path, json=…, user=…)`, `.delete`, `.request(method, …)`
                        over a real socket to all functions, in `environment`: `.status .headers .json() .text .body`
    database            a superuser's connection to `database_url`
    ai_backend          a stub of the AI backend that `environment` names: `.answers`, `.asked`

`dev.harness.postgres` also has `throwaway_postgres()`, a server of one's own, and `alembic(url, "upgrade", "head")`.
"""

from __future__ import annotations

import json
import os
import threading
import uuid
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

import hypothesis
import pytest

from dev.harness.clerk import TokenFactory
from dev.harness.client import Client, Response, watchers
from dev.harness.http_server import make_server
from dev.harness.in_process import InProcess
from dev.harness.postgres import alembic, throwaway_postgres
from dev.settings import ROOT, SETTINGS, SigningKey, new_encryption_key
from tests.support.ai_backend import StubBackend, answering_everything, stub_backend
from tests.support.given_server import VARIABLE, GivenServer, Server
from tests.support.inspection import Superuser, superuser

if TYPE_CHECKING:
    from dev.openapi.checking import Checker


# What is invented is the same in each run, so that a failure is one for everybody; `make fuzz` sets FUZZ_CASES and
# invents anew. No example has a deadline, which a busy machine would miss.
hypothesis.settings.register_profile("steady", derandomize="FUZZ_CASES" not in os.environ, database=None, deadline=None)
hypothesis.settings.load_profile("steady")

OWN_PORTS: set[int] = set()
"""Where this process serves the functions itself."""


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Keep the platform tests together."""
    if config.getvalue("dist") != "loadgroup":
        return None
    from tests.support.scheduling import PlatformTogether

    return PlatformTogether(config, log)


@pytest.fixture(scope="session", autouse=True)
def described_answers() -> Iterator[None]:
    """Every answer that a test gets from this process's own functions has to be one that public/openapi.json allows."""

    @cache
    def checker() -> Checker:
        from dev.openapi.checking import Checker  # not at the top: tests of the tooling need no application

        return Checker(json.loads((ROOT / "public" / "openapi.json").read_text()))

    def check(client: Client, method: str, path: str, answer: Response) -> None:
        is_own = isinstance(client, InProcess) or client.port in OWN_PORTS
        # The description is that of the wizard of six steps.
        if is_own and os.environ.get("ONBOARDING_FLOW") != "five":
            checker().check(method, path, answer)

    watchers.append(check)
    yield
    watchers.remove(check)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """The server that TEST_DATABASE_URL names, or else an embedded one for this test process."""
    if given := os.environ.get(VARIABLE):
        yield GivenServer.of(given)
        return
    with throwaway_postgres(in_memory=True) as server:
        yield server


@pytest.fixture(scope="session")
def template_database(postgres: Server) -> Iterator[str]:
    """The database that the real migrations made, once; distributed, where the server is a cluster's coordinator."""
    if isinstance(postgres, GivenServer):
        with postgres.template() as name:
            yield name
        return
    alembic(postgres.create_database("template_migrated"), "upgrade", "head")
    yield "template_migrated"


@pytest.fixture
def database_url(postgres: Server, template_database: str) -> Iterator[str]:
    """A fresh migrated database of this test's own."""
    name = f"test_{uuid.uuid4().hex}"
    yield postgres.create_database(name, template=template_database)
    postgres.drop_database(name)


@pytest.fixture
def database(postgres: Server, database_url: str) -> Iterator[Superuser]:
    """A superuser's connection to this test's database, which sees everything that is stored."""
    with superuser(postgres, database_url) as connection:
        yield connection


@pytest.fixture
def empty_database_url(postgres: Server) -> Iterator[str]:
    """A fresh database without a schema."""
    name = f"empty_{uuid.uuid4().hex}"
    yield postgres.create_database(name)
    postgres.drop_database(name)


@pytest.fixture(scope="session")
def signing_key() -> SigningKey:
    """The key pair that stands in for Clerk's."""
    return SigningKey.generate()


@pytest.fixture(scope="session")
def token(signing_key: SigningKey) -> TokenFactory:
    """Signs session tokens."""
    return TokenFactory(signing_key)


@pytest.fixture
def environment(
    database_url: str, signing_key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, str]]:
    """The environment of a good deployment, and nothing kept from an earlier one."""
    from lib import bootstrap  # not at the top: tests of the tooling need no application

    variables = {
        "DATABASE_URL": database_url,
        "CLERK_JWT_KEY": signing_key.public_pem,
        "API_KEY_ENCRYPTION_KEYS": new_encryption_key(),
    }
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    bootstrap.reset()
    yield variables
    bootstrap.reset()


@pytest.fixture
def ai_backend(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[StubBackend]:
    """A stub of the AI backend that this test's environment names; it answers the six generating requests."""
    from lib import bootstrap

    with stub_backend() as stub:
        monkeypatch.setenv("AI_BACKEND_URL", answering_everything(stub).url)
        bootstrap.reset()
        yield stub


@pytest.fixture(scope="session")
def server_port() -> Iterator[int]:
    """The port on which a thread serves every function of the project."""
    from serving.wsgi import app

    with make_server(app) as server:
        OWN_PORTS.add(server.server_port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture
def http(environment: dict[str, str], server_port: int, token: TokenFactory) -> Client:
    """A client of the project's functions, in a good environment with an empty database."""
    return Client("127.0.0.1", server_port, token)
