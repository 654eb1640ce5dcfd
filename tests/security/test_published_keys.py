"""With CLERK_JWKS_URL: keys are cached and rotated, and a key server in trouble never lets anybody in."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import SimpleNamespace

import pytest

from dev.harness.every_call import NO_SUCH_STEP
from dev.harness.in_process import InProcess
from dev.harness.postgres import free_port
from dev.settings import SigningKey, session_claims
from lib import bootstrap
from lib.errors import Unavailable
from lib.http import jwks
from tests.support.jwks import KeyServer, dripping_host, jwk, key_server

SIGNED_IN = NO_SUCH_STEP  # a 404 for whoever has a good token, without a database
PASSED = 404


class Clock:
    """The time that lib.http.jwks sees."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def monotonic(self) -> float:
        """Seconds, as many ahead as the test says."""
        return time.monotonic() + self.ahead_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(jwks, "time", SimpleNamespace(monotonic=clock.monotonic))
    return clock


@pytest.fixture
def server(signing_key: SigningKey) -> Iterator[KeyServer]:
    with key_server({"ins_1": signing_key}) as serving:
        yield serving


@pytest.fixture
def client(bare: InProcess, server: KeyServer, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> InProcess:
    """Functions that know the key server and no PEM."""
    use(server.url, monkeypatch)
    return bare


def use(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLERK_JWT_KEY")
    monkeypatch.setenv("CLERK_JWKS_URL", url)
    jwks._published_keys.cache_clear()
    bootstrap.reset()


def status(client: InProcess, key: SigningKey, key_id: object = "ins_1") -> int:
    headers = {} if key_id is None else {"kid": key_id}
    signed = key.sign(session_claims("user_a", lifetime=60), headers=headers or {"typ": "JWT"})
    return client.get(SIGNED_IN, headers={"Authorization": f"Bearer {signed}"}).status


@pytest.fixture(scope="module")
def new_key() -> SigningKey:
    return SigningKey.generate()


def test_keys_are_fetched_once(client: InProcess, server: KeyServer, signing_key: SigningKey) -> None:
    """A hundred requests, eight at a time, ask the key server once."""
    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(lambda _: status(client, signing_key), range(100)))
    assert set(statuses) == {PASSED}
    assert server.requests == 1


def test_a_rotated_key_needs_no_redeploy(
    client: InProcess, server: KeyServer, signing_key: SigningKey, new_key: SigningKey, clock: Clock
) -> None:
    """A new key passes at once, the old one as long as it is published."""
    assert status(client, signing_key) == PASSED
    server.publish({"ins_1": signing_key, "ins_2": new_key})
    assert status(client, new_key, "ins_2") == PASSED
    assert status(client, signing_key) == PASSED
    assert server.requests == 2


def test_a_withdrawn_key_is_forgotten(
    client: InProcess, server: KeyServer, signing_key: SigningKey, new_key: SigningKey, clock: Clock
) -> None:
    """Five minutes after Clerk took it from the list, although nobody showed a new one."""
    assert status(client, signing_key) == PASSED
    server.publish({"ins_2": new_key})
    clock.ahead_s += jwks.FRESH_S + 1
    assert status(client, signing_key) == 401
    assert status(client, new_key, "ins_2") == PASSED


def test_made_up_keys_are_looked_for_a_few_times(
    client: InProcess, server: KeyServer, signing_key: SigningKey, clock: Clock
) -> None:
    """Anybody can make up ids: they are refused, and the key server is asked at most every ten seconds."""
    assert status(client, signing_key) == PASSED
    for expected in (1, 2, 3):
        assert {status(client, signing_key, f"made_up_{number}") for number in range(20)} == {401}
        assert server.requests == jwks.FETCHES_IN_STOCK + expected
        clock.ahead_s += jwks.FETCH_EVERY_S


def test_made_up_keys_do_not_keep_a_new_key_out(
    client: InProcess, server: KeyServer, signing_key: SigningKey, new_key: SigningKey, clock: Clock
) -> None:
    """Somebody sends nothing but made-up ids: a key that Clerk publishes meanwhile passes ten seconds later at most."""
    assert status(client, signing_key) == PASSED
    assert {status(client, signing_key, f"made_up_{number}") for number in range(20)} == {401}
    server.publish({"ins_1": signing_key, "ins_2": new_key})
    clock.ahead_s += jwks.FETCH_EVERY_S
    assert status(client, signing_key, "made_up_again") == 401
    assert status(client, new_key, "ins_2") == PASSED


def test_made_up_keys_are_looked_for_a_few_times_after_a_failure_too(
    client: InProcess, server: KeyServer, signing_key: SigningKey, clock: Clock
) -> None:
    """A key server in trouble is not asked at each made-up id, and those who hold a known key notice nothing."""
    assert status(client, signing_key) == PASSED
    server.status = 500
    for number in range(10):
        assert status(client, signing_key, f"made_up_{number}") == 503
        clock.ahead_s += jwks.FETCH_EVERY_S / 11
    assert server.requests == 1 + jwks.FETCHES_IN_STOCK
    assert status(client, signing_key) == PASSED


def test_known_keys_outlast_a_key_server_that_is_down(
    client: InProcess, server: KeyServer, signing_key: SigningKey, clock: Clock
) -> None:
    """For an hour. After that nobody can tell whether they were withdrawn, and it is a 503."""
    assert status(client, signing_key) == PASSED
    server.status = 500
    clock.ahead_s += jwks.USABLE_S - 60
    assert status(client, signing_key) == PASSED
    clock.ahead_s += 120
    assert status(client, signing_key) == 503
    server.status = 200
    clock.ahead_s += jwks.FETCH_EVERY_S
    assert status(client, signing_key) == PASSED


def test_it_recovers_by_itself(client: InProcess, server: KeyServer, signing_key: SigningKey, clock: Clock) -> None:
    """Without any key yet, the key server is asked again after the seconds that Retry-After says."""
    server.status = 500
    assert {status(client, signing_key) for _ in range(5)} == {503}
    assert server.requests == 1
    server.status = 200
    clock.ahead_s += jwks.RETRY_AFTER_S
    assert status(client, signing_key) == PASSED


def test_a_dead_host_is_a_503(bare: InProcess, signing_key: SigningKey, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, as a problem that says nothing of where the keys are."""
    use(f"http://127.0.0.1:{free_port()}/jwks", monkeypatch)
    response = bare.get(SIGNED_IN, user="user_a")
    assert (response.status, response.headers["Retry-After"]) == (503, "5")
    assert "127.0.0.1" not in response.text


SLOW = {
    "silent": (b"", b""),
    "dripping headers": (b"HTTP/1.1 200 OK\r\n", b"X-A: 1\r\n"),
    "dripping body": (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b" "),
}


@pytest.mark.slow
def test_a_slow_host_is_a_503_within_three_seconds(bare: InProcess, signing_key: SigningKey) -> None:
    """In all, however little it sends however often; and whoever comes meanwhile waits no longer than the first."""
    with ExitStack() as hosts, ThreadPoolExecutor(6) as threads:
        urls = [hosts.enter_context(dripping_host(*behaviour)) for behaviour in SLOW.values()]
        keys = [jwks.PublishedKeys(url) for url in urls]
        waits = list(threads.map(seconds_until_unavailable, keys * 2))
    assert all(2.5 < seconds < 4 for seconds in waits), waits


def seconds_until_unavailable(keys: jwks.PublishedKeys) -> float:
    began = time.monotonic()
    with pytest.raises(Unavailable):
        keys.get("ins_1")
    return time.monotonic() - began


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b'{"keys": []}', b'{"keys": 7}', b'{"keys": [{"kty": "RSA"}]}', b"[" * 100_000, b"\xff"],
    ids=range(8),
)
def test_an_answer_that_is_no_key_set_is_a_503(
    client: InProcess, server: KeyServer, signing_key: SigningKey, body: bytes
) -> None:
    """Not a 500, and nobody gets in."""
    server.body = body
    assert status(client, signing_key) == 503


def test_keys_that_do_not_sign_tokens_are_not_used(
    client: InProcess, server: KeyServer, signing_key: SigningKey, new_key: SigningKey, clock: Clock
) -> None:
    """An encryption key, a shared secret, a key without an id or with one that is no text."""
    good, other = jwk(signing_key, "ins_1"), jwk(new_key, "ins_2")
    unusable = [{**good, "use": "enc"}, {"kty": "oct", "k": "AAAA", "kid": "ins_1"}, {**good, "kid": ["ins_1"]}]
    for entry in (*unusable, {name: good[name] for name in ("kty", "n", "e")}):
        server.body = json.dumps({"keys": [entry, other]}).encode()
        assert status(client, signing_key) == 401, entry
        assert status(client, signing_key, None) == 401
        assert status(client, new_key, "ins_2") == PASSED
        clock.ahead_s += jwks.FETCH_EVERY_S


def test_another_key_under_a_known_id_is_refused(
    client: InProcess, signing_key: SigningKey, new_key: SigningKey
) -> None:
    """The id only says which key to try."""
    assert status(client, signing_key) == PASSED
    assert status(client, new_key) == 401
