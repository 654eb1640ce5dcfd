from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dev.harness.clerk import TokenFactory
from dev.harness.client import Client, Response
from dev.harness.vercel.build import BuiltProject
from dev.harness.vercel.runtime import Host
from tests.platform.wizard import API

PATTERNS = (
    "https://app.example.com,https://alwrity-*-acme.vercel.app,https://*.preview.example.com,http://localhost:3000"
)
WELCOME = [
    "https://app.example.com",
    "https://alwrity-git-main-acme.vercel.app",
    "https://alwrity-1x2y3z-acme.vercel.app",
    "https://pr-12.preview.example.com",
    "http://localhost:3000",
]
STRANGERS = [
    "https://app.example.com.evil.com",
    "http://app.example.com",
    "null",
    "https://alwrity-git-main-other.vercel.app",
    "https://alwrity-git-main-acme.vercel.app.evil.com",
    "https://evil.com/alwrity-git-main-acme.vercel.app",
    "https://alwrity-a.b-acme.vercel.app",
    "https://alwrity--acme.vercel.app:8443",
    "https://a.b.preview.example.com",
    "https://.preview.example.com",
    "https://preview.example.com",
    "http://localhost:3001",
    "http://localhost",
    "https://app.example.com:444",
    "https://app.example.com, https://evil.com",
    "https://user@app.example.com",
    "https://APP.example.com.",
]


@pytest.fixture(scope="module")
def without_database_and_token(built: BuiltProject, host: Host, token: TokenFactory) -> Iterator[Client]:
    """A built function with nothing but ALLOWED_ORIGINS: no database URL, no key to verify tokens with."""
    with host.boot(built.functions[f"{API}/session"], {"ALLOWED_ORIGINS": PATTERNS}) as one:
        yield Client("127.0.0.1", one.port, token)


def _preflight(client: Client, origin: str) -> Response:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    return client.request("OPTIONS", f"{API}/start", headers={"Origin": origin, **asked})


@pytest.mark.parametrize("origin", WELCOME)
def test_a_listed_origin_passes(without_database_and_token: Client, origin: str) -> None:
    """A browser of a listed origin, or of one that a pattern matches, may call, without a database or a token."""
    response = _preflight(without_database_and_token, origin)
    assert response.status == 204
    assert response.headers["Access-Control-Allow-Origin"] == origin
    assert "POST" in response.headers["Access-Control-Allow-Methods"]
    assert "authorization" in response.headers["Access-Control-Allow-Headers"].lower()
    assert "Origin" in response.headers["Vary"]


@pytest.mark.parametrize("origin", STRANGERS)
def test_a_stranger_does_not_pass(without_database_and_token: Client, origin: str) -> None:
    """No other origin is let in, however much it looks like one of ours."""
    assert _preflight(without_database_and_token, origin).headers["Access-Control-Allow-Origin"] is None


def test_a_preflight_touches_no_database(built: BuiltProject, host: Host, token: TokenFactory) -> None:
    """Where a database is configured, a preflight opens no connection to it."""
    with _counting_server() as server:
        url = f"postgresql://user:password@127.0.0.1:{server.getsockname()[1]}/database"
        variables = {"ALLOWED_ORIGINS": PATTERNS, "DATABASE_URL": url}
        with host.boot(built.functions[f"{API}/session"], variables) as one:
            client = Client("127.0.0.1", one.port, token)
            assert _preflight(client, WELCOME[0]).status == 204
            with pytest.raises(BlockingIOError):
                server.accept()


@pytest.mark.parametrize(
    ("azp", "status"),
    [
        *((origin, 200) for origin in WELCOME),
        *((origin, 401) for origin in STRANGERS),
        (None, 401),
    ],
)
def test_a_token_of_another_party_is_refused(
    authorized: Client, token: TokenFactory, azp: str | None, status: int
) -> None:
    """CLERK_AUTHORIZED_PARTIES lets the tokens of this project's pages and previews in, and no stranger's."""
    signed = {"Authorization": f"Bearer {token('user_2azp', azp=azp)}"}
    assert authorized.get(f"{API}/status", headers=signed).status == status


@pytest.fixture(scope="module")
def authorized(built: BuiltProject, host: Host, token: TokenFactory, variables: dict[str, str]) -> Iterator[Client]:
    """A built function that checks `azp`."""
    checking = {**variables, "CLERK_AUTHORIZED_PARTIES": PATTERNS}
    with host.boot(built.functions[f"{API}/session"], checking) as one:
        yield Client("127.0.0.1", one.port, token)


@contextmanager
def _counting_server() -> Iterator[socket.socket]:
    """A socket on which nobody should knock."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server
