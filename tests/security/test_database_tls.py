"""A server that offers no TLS gets no password from us, unless it is on this machine."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from dev.harness.in_process import InProcess
from dev.harness.postgres import alembic
from lib import bootstrap
from lib.db.operators import UnusableURL, connect, postgres_url

SSL_REQUEST = bytes.fromhex("0000000804d2162f")


class PlainServer:
    """Speaks as much of Postgres as to say that it has no TLS, and notes all that it is sent afterwards."""

    def __init__(self, host: str) -> None:
        self._socket = socket.create_server((host, 0))
        self.host, self.port = self._socket.getsockname()
        self.heard: list[bytes] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self.heard.append(connection.recv(1024))
                connection.sendall(b"N")
                self.heard.append(connection.recv(1024))

    @property
    def url(self) -> str:
        """Where it is, with a password to steal."""
        return f"postgresql://onboarding:hunter2@{self.host}:{self.port}/onboarding"

    def close(self) -> None:
        """Accept nobody else."""
        self._socket.close()


def own_address() -> str | None:
    """An address of this machine other than loopback: a UDP socket "connects" without sending anything."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        return str(probe.getsockname()[0])


@pytest.fixture
def plain() -> Iterator[PlainServer]:
    """On an address of this machine that is not loopback."""
    address = own_address()
    if address is None or address.startswith("127."):
        pytest.skip("this machine has no address but loopback")
    server = PlainServer(address)
    yield server
    server.close()


@pytest.mark.parametrize("weaker", ["", "?sslmode=disable", "?sslmode=prefer"])
def test_a_server_without_tls_is_a_503_and_one_line(
    bare: InProcess, plain: PlainServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, weaker: str
) -> None:
    """It hears the question for TLS, and neither a name nor a password; the log says what is wrong."""
    monkeypatch.setenv("DATABASE_URL", plain.url + weaker)
    bootstrap.reset()
    response = bare.get("/api/onboarding/init", user="user_a")
    assert (response.status, response.headers["Retry-After"] is not None) == (503, True)
    assert {heard for heard in plain.heard if heard} == {SSL_REQUEST}
    (line,) = [
        record.getMessage()
        for record in caplog.records
        if record.levelname == "ERROR" and "request_log" not in record.name
    ]
    assert "the server offers no TLS" in line
    assert not [word for word in ("hunter2", plain.host) if word in line + response.text]


def test_operators_commands_and_migrations_need_it_too(plain: PlainServer) -> None:
    """They hold the owner's password."""
    with pytest.raises(UnusableURL, match="speaks no TLS"):
        connect(postgres_url(plain.url), "test")
    done = alembic(plain.url, "upgrade", "head", check=False)
    assert done.returncode != 0
    assert "Cannot migrate" in done.stderr
    assert {heard for heard in plain.heard if heard} == {SSL_REQUEST}
