"""What the platform tests share: one build, one `vercel dev` and one set of servers for the whole session.

All tests here run in one xdist worker (tests.support.scheduling), so nothing is built twice.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from dev.harness.clerk import TokenFactory
from dev.harness.client import Client
from dev.harness.vercel.build import BuiltProject, vercel_build
from dev.harness.vercel.places import short_lived_folder
from dev.harness.vercel.project import copy_project
from dev.harness.vercel.runtime import Host, make_host
from dev.harness.vercel.targets import (
    BuiltTarget,
    StartedVercelDev,
    built_functions,
    development_server,
    gunicorn,
    vercel_dev,
)
from dev.harness.vercel.toolchain import Toolchain, find_toolchain
from dev.local_postgres import LocalPostgres
from dev.settings import ISSUER, SigningKey, new_encryption_key, new_webhook_secret
from dev.vercel_dev import Warming
from serving.routes import RouteTable
from tests.support.ai_backend import StubBackend, answering_everything, stub_backend

ALLOWED_ORIGINS = (
    "https://app.example.com,http://localhost:3000,https://alwrity-*-acme.vercel.app,https://*.preview.example.com"
)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark every test of this folder as it is found, so that none can forget it.

    What needs the Vercel CLI is thorough: a clean checkout first installs it, and every wheel of each function.
    """
    item.add_marker(pytest.mark.platform)
    if "toolchain" in getattr(item, "fixturenames", ()):
        item.add_marker(pytest.mark.thorough)


@pytest.fixture(scope="session")
def toolchain(tmp_path_factory: pytest.TempPathFactory) -> Toolchain:
    """The Vercel CLI. Skips, or fails where CI=true, when Node is missing."""
    return find_toolchain(tmp_path_factory.mktemp("binaries"))


@pytest.fixture(scope="session")
def shared_ai_backend() -> Iterator[StubBackend]:
    """The stub of the AI backend that all targets name."""
    with stub_backend() as stub:
        yield answering_everything(stub)


@pytest.fixture(scope="session")
def variables(
    postgres: LocalPostgres, template_database: str, signing_key: SigningKey, shared_ai_backend: StubBackend
) -> dict[str, str]:
    """The environment of one good deployment, on one database that all targets share."""
    return {
        "DATABASE_URL": postgres.create_database("platform", template=template_database),
        "CLERK_JWT_KEY": signing_key.public_pem,
        "CLERK_ISSUER": ISSUER,
        "API_KEY_ENCRYPTION_KEYS": new_encryption_key(),
        "CLERK_WEBHOOK_SIGNING_SECRET": new_webhook_secret(),
        "ALLOWED_ORIGINS": ALLOWED_ORIGINS,
        "AI_BACKEND_URL": shared_ai_backend.url,
    }


@pytest.fixture(scope="session")
def deployed_database_url(postgres: LocalPostgres) -> str:
    """An empty database that is there before the deployment's build."""
    return postgres.create_database("deployed")


@pytest.fixture(scope="session")
def built(toolchain: Toolchain, deployed_database_url: str) -> Iterator[BuiltProject]:
    """What the real `vercel build` makes of the repository, as a preview with a database of its own.

    The pooled URL leads nowhere, so that only the direct one can be what migrates.
    """
    variables = {
        "VERCEL_ENV": "preview",
        "PREVIEW_DATABASE": "isolated",
        "DATABASE_URL": "postgresql://nobody:nothing@127.0.0.1:1/nowhere",
        "DATABASE_URL_UNPOOLED": deployed_database_url,
    }
    with short_lived_folder("build") as folder:
        project = copy_project(folder / "project")
        yield BuiltProject(project, vercel_build(toolchain, project, variables).stdout)


@pytest.fixture(scope="session")
def host() -> Iterator[Host]:
    """Where the built functions run."""
    with short_lived_folder("host") as folder:
        yield make_host(folder)


@pytest.fixture(scope="session")
def built_target(built: BuiltProject, host: Host, variables: dict[str, str]) -> Iterator[BuiltTarget]:
    """The built functions under the real runtime."""
    with built_functions(built, host, variables) as target:
        yield target


def _client(port: int, token: TokenFactory) -> Client:
    return Client("127.0.0.1", port, token)


@pytest.fixture(scope="session")
def on_built_functions(built_target: BuiltTarget, token: TokenFactory) -> Client:
    """A client of the built functions."""
    return _client(built_target.port, token)


@pytest.fixture(scope="session")
def started_vercel_dev(toolchain: Toolchain, variables: dict[str, str]) -> Iterator[StartedVercelDev]:
    """`vercel dev` in a copy of the repository that has a development database, as a person's clone has."""
    with short_lived_folder("vercel-dev") as folder:
        project = copy_project(folder / "project")
        (project / ".dev" / "postgres").mkdir(parents=True)
        (project / ".dev" / "postgres" / "data").touch()
        scratch = folder / "scratch"
        scratch.mkdir()
        with vercel_dev(toolchain, project, variables, scratch) as port:
            functions = list(RouteTable.read(project).functions)
            warming = threading.Thread(target=Warming(port, functions, report=lambda _line: None).run, daemon=True)
            warming.start()
            yield StartedVercelDev(project, port, warming)


@pytest.fixture(scope="session", autouse=True)
def vercel_dev_builds_meanwhile(request: pytest.FixtureRequest) -> None:
    """Start `vercel dev` before everything else when a test of this session will need it."""
    if any("on_vercel_dev" in getattr(item, "fixturenames", ()) for item in request.session.items):
        request.getfixturevalue("started_vercel_dev")


@pytest.fixture(scope="session")
def on_vercel_dev(started_vercel_dev: StartedVercelDev, token: TokenFactory) -> Client:
    """A client of `vercel dev`, every function built."""
    started_vercel_dev.warming.join()
    return _client(started_vercel_dev.port, token)


@pytest.fixture(scope="session")
def on_development_server(
    variables: dict[str, str], token: TokenFactory, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Client]:
    """A client of the server that `make dev` runs."""
    with development_server(variables, tmp_path_factory.mktemp("dev") / "log") as port:
        yield _client(port, token)


@pytest.fixture(scope="session")
def on_gunicorn(
    variables: dict[str, str], token: TokenFactory, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Client]:
    """A client of `gunicorn serving.wsgi:app`."""
    with gunicorn(variables, tmp_path_factory.mktemp("gunicorn") / "log") as port:
        yield _client(port, token)
