"""API keys: what is stored, logged and answered never holds one, but for the one answer that may."""

from __future__ import annotations

import base64
import logging
import secrets
import subprocess
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from psycopg import sql

from dev.harness.client import Response
from dev.harness.in_process import InProcess
from dev.harness.postgres import free_port
from dev.local_postgres import SUPERUSER, LocalPostgres, binaries
from lib import bootstrap
from lib.db.encryption import KeyRing
from tests.support.inspection import Superuser, contents

USER, OTHER = "user_2canary", "user_2other"
SHOWS_KEYS = "/api/onboarding/api-keys/onboarding"
STEP, SAVE = "/api/onboarding/step/1/complete", "/api/onboarding/api-keys"


def canary(prefix: str = "sk-") -> str:
    """A key that is like no other text, so that it can be looked for."""
    return f"{prefix}{secrets.token_hex(18)}"


def canaries() -> dict[str, str]:
    """One for each provider, in its format."""
    plain = ("openai", "anthropic", "mistral", "tavily", "serper", "firecrawl", "stability")
    formats = {"gemini": canary("AIza"), "copilotkit": canary("ck_pub_"), "exa": str(uuid.uuid4())}
    return {**{provider: canary() for provider in plain}, **formats}


def forms(key: str) -> list[str]:
    """What would give a key away: the part that is never shown, as it is and as bytes are written down."""
    hidden = key[5:17]
    encodings = [base64.b64encode(key[start:].encode()).decode()[4:20] for start in range(3)]
    return [hidden, hidden.upper(), hidden.encode().hex(), *encodings]


def leaks(text: str, keys: list[str]) -> list[str]:
    return [form for key in keys for form in forms(key) if form in text]


@dataclass
class Courier:
    """Sends keys in every way, and keeps what came back."""

    calls: InProcess
    sent: list[str]
    answers: list[tuple[str, Response]]

    def key(self, prefix: str = "sk-") -> str:
        """Another canary."""
        self.sent.append(canary(prefix))
        return self.sent[-1]

    def post(self, path: str, json: Any = ..., **options: Any) -> Response:
        """Send as USER, with a body that is remembered to hold canaries."""
        return self.request("POST", path, json=json, **options)

    def request(self, method: str, path: str, **options: Any) -> Response:
        """Send as USER."""
        response = self.calls.request(method, path, user=USER, **options)
        self.answers.append((path, response))
        return response


@pytest.fixture
def courier(calls: InProcess, caplog: pytest.LogCaptureFixture) -> Courier:
    """Everything that anybody logs meanwhile is kept, SQLAlchemy's own lines included."""
    caplog.set_level(logging.DEBUG)
    for name in ("lib", "sqlalchemy", "psycopg", "falcon"):
        caplog.set_level(logging.DEBUG, logger=name)
    return Courier(calls, [], [])


def send_good_keys(courier: Courier) -> None:
    """Both ways to store them, with the key repeated in whatever else may be sent."""
    keys = canaries()
    courier.sent += keys.values()
    notes = {"note": f"my key is {keys['openai']}", keys["mistral"]: [keys["gemini"], {"deep": keys["exa"]}]}
    body = {"data": {"api_keys": keys, **notes}, "validation_errors": [f"what is {keys['openai']}?", notes]}
    assert courier.post(STEP, json=body).status == 200
    for provider, key in canaries().items():
        courier.sent.append(key)
        body = {"provider": provider, "api_key": f" {key} ", "description": f"{key} of {provider}", "more": {"k": key}}
        assert courier.post(SAVE, json=body).status == 200


def refused_bodies(courier: Courier) -> list[Any]:
    """Step 1's `api_keys`, each wrong in its own way."""
    key = courier.key
    short = courier.key("")[:32]
    return [
        {"gemini": key()},
        {"exa": key()},
        {"copilotkit": key()},
        {"openai": f"{key()} {key()}"},
        {"openai": key() * 200},
        {"openai": [key()]},
        {"openai": {"key": key()}},
        {"openai": f"{key()}\0"},
        {"openai": f"{key()}\ud800"},
        {"openai": f"{key()}\n{key()}"},
        {key(): "openai"},
        {short: "mistral"},
        {f"{key()}\0": "openai"},
        {f"{key()}\ud800": key()},
        {"nobody": key()},
        {key(): {key(): [key()]}},
        [key()],
        key(),
    ]


def send_refused_keys(courier: Courier) -> None:
    """Every kind of error that a body with a key in it can meet."""
    for keys in refused_bodies(courier):
        assert courier.post(STEP, json={"data": {"api_keys": keys}}).status == 422, keys
        assert courier.post(STEP, json={"data": {"api_keys": {}}, "validation_errors": {"keys": keys}}).status == 422
    for body in (courier.key(), [courier.key()], {"api_keys": courier.key()}):
        assert courier.post(STEP, json={"data": body}).status == 422
        assert courier.post(SAVE, json=body).status in {400, 422}
    for provider, key in ((courier.key(), "openai"), ("gemini", courier.key()), ("openai", [courier.key()])):
        assert courier.post(SAVE, json={"provider": provider, "api_key": key}).status == 422
    for raw in (f'{{"api_key": "{courier.key()}', f"{courier.key()}", f'{{"{courier.key()}": NaN}}'):
        headers = {"Content-Type": "application/json"}
        assert courier.request("POST", SAVE, body=raw.encode(), headers=headers).status == 400
        assert courier.request("POST", SAVE, body=raw.encode() + b"\xff", headers=headers).status == 400
        assert courier.request("POST", SAVE, body=raw.encode(), headers={"Content-Type": "text/plain"}).status == 415
        assert courier.request("POST", SAVE, body=raw.encode() * 120_000, headers=headers).status == 413
    assert courier.request("DELETE", f"{SAVE}/{courier.key()}").status == 404
    assert courier.request("GET", f"/api/onboarding/providers/{courier.key()}/setup").status == 404
    assert courier.request("POST", f"{SAVE}/{courier.key()}").status == 405
    assert courier.request("GET", f"/api/onboarding/{quote(courier.key())}").status == 404


def read_everything(courier: Courier) -> None:
    """Every address that shows something of the user."""
    paths = ("init", "status", "progress", "summary", "export", "api-keys", "step/1", "resume", "step/1/validate")
    for path in (*paths, "api-keys/onboarding"):
        assert courier.request("GET", f"/api/onboarding/{path}").status == 200
    assert courier.post("/api/onboarding/api-keys/validate").status == 200


def send_into_trouble(courier: Courier, database: Superuser, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is sent while something is broken comes into tracebacks and the database's complaints."""

    def attempts() -> set[int]:
        one, another = courier.key(), courier.key()
        saved = courier.post(SAVE, json={"provider": "openai", "api_key": one, "description": one})
        return {saved.status, courier.post(STEP, json={"data": {"api_keys": {"openai": another}}}).status}

    database.execute("ALTER TABLE api_keys RENAME TO gone")
    assert attempts() == {503}
    database.execute("ALTER TABLE gone RENAME TO api_keys")
    database.execute("ALTER TABLE api_keys ADD CHECK (false) NOT VALID")
    assert attempts() == {500}
    database.execute("ALTER TABLE api_keys DROP CONSTRAINT api_keys_check")
    with monkeypatch.context() as patched:
        patched.setattr(KeyRing, "encrypt", _raising_with_its_arguments)
        assert attempts() == {500}
    with monkeypatch.context() as patched:
        patched.setenv("DATABASE_URL", f"postgresql://nobody:secret@127.0.0.1:{free_port()}/none")
        bootstrap.reset()
        assert attempts() == {503}
    bootstrap.reset()


def _raising_with_its_arguments(*arguments: object) -> bytes:
    raise ValueError(arguments)


def dump(postgres: LocalPostgres, database_url: str) -> str:
    url = postgres.url(urlsplit(database_url).path.lstrip("/"), user=SUPERUSER)
    return subprocess.run([binaries() / "pg_dump", url], capture_output=True, text=True, check=True).stdout


def test_no_key_is_found_anywhere(
    courier: Courier,
    database: Superuser,
    database_url: str,
    postgres: LocalPostgres,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not in a dump of the whole database, not in a line that anybody logged, Postgres included, in no other answer."""
    verbose = sql.SQL("ALTER DATABASE {} SET log_statement = 'all'").format(sql.Identifier(database.info.dbname))
    database.execute(verbose)
    send_refused_keys(courier)
    send_good_keys(courier)
    send_into_trouble(courier, database, monkeypatch)
    read_everything(courier)
    assert len(courier.sent) > 60
    shown = [response.text for path, response in courier.answers if path == SHOWS_KEYS]
    assert sum(key in shown[0] for key in courier.sent) == 10, "the one that may show them does"
    for path, response in courier.answers:
        if path != SHOWS_KEYS:
            assert leaks(response.text + str(response.headers), courier.sent) == [], (path, response.text)
    dumped = dump(postgres, database_url)
    assert "COPY public.api_keys" in dumped
    assert leaks(dumped, courier.sent) == []
    assert "saved to database" in caplog.text
    assert leaks(caplog.text, courier.sent) == []
    assert leaks("".join(capfd.readouterr()), courier.sent) == []
    if isinstance(postgres, LocalPostgres):  # another server's log is not ours to read
        server_log = (postgres.data / "server.log").read_text(errors="replace")
        assert "INSERT INTO api_keys" in server_log
        assert leaks(server_log, courier.sent) == []


def saved(calls: InProcess, user: str, provider: str, key: str) -> None:
    assert calls.post(SAVE, user=user, json={"provider": provider, "api_key": key}).status == 200


def test_a_row_copied_elsewhere_shows_as_missing(
    calls: InProcess, database: Superuser, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever can write into the table still cannot read a key through somebody else's account, or another provider."""
    key = canary()
    for user in (USER, OTHER):
        saved(calls, user, "openai", key if user == USER else canary())
        saved(calls, user, "mistral", canary())
    # In two statements: on a cluster the two users' rows may be on two workers.
    query = "SELECT encrypted_key FROM api_keys WHERE user_id = %s AND provider = 'openai'"
    (original,) = database.execute(query, [USER]).fetchone() or ()
    copy = "UPDATE api_keys SET encrypted_key = %s WHERE user_id = %s AND provider = %s"
    database.execute(copy, [original, OTHER, "openai"])
    database.execute(copy, [original, USER, "mistral"])
    assert set(calls.get(SHOWS_KEYS, user=USER).json()["api_keys"]) == {"openai"}
    assert set(calls.get(SHOWS_KEYS, user=OTHER).json()["api_keys"]) == {"mistral"}
    for provider, user in (("mistral", USER), ("openai", OTHER)):
        assert f"API key for {provider} of user {user} cannot be decrypted and is treated as missing" in caplog.text
    assert calls.get("/api/onboarding/summary", user=OTHER).json()["api_keys"].keys() == {"mistral"}
    assert key not in caplog.text


@pytest.mark.parametrize("damage", ["", "x", "cut", "version", "nonce", "text", "tag"])
def test_a_damaged_key_shows_as_missing(damage: str, caplog: pytest.LogCaptureFixture) -> None:
    """Every part of the ciphertext is protected: no bit can be changed unnoticed, and nothing crashes."""
    ring = KeyRing((b"k" * 32,))
    good = ring.encrypt(USER, "openai", canary())
    places = {"version": 0, "nonce": 7, "text": 20, "tag": -1}
    if damage in places:
        changed = bytearray(good)
        changed[places[damage]] ^= 1
        bad = bytes(changed)
    else:
        bad = good[:10] if damage == "cut" else damage.encode()
    assert ring.decrypt(USER, "openai", good)
    assert ring.decrypt(USER, "openai", bad) is None
    assert "treated as missing" in caplog.text


def test_the_same_key_never_looks_the_same() -> None:
    """Nobody can tell from the table who has the same key, or whether one was changed; and no nonce serves twice."""
    ring, key = KeyRing((b"k" * 32,)), canary()
    sealed = [ring.encrypt(user, "openai", key) for user in (USER, USER, OTHER) for _ in range(100)]
    assert len({value[17:33] for value in sealed}) == len({value[5:17] for value in sealed}) == 300


BAD_SETTINGS = ["", " ", ",", "plain", "A" * 43, "A" * 44, base64.urlsafe_b64encode(b"k" * 31).decode(), "é" * 44]


@pytest.mark.parametrize("value", BAD_SETTINGS, ids=range(len(BAD_SETTINGS)))
def test_without_a_good_encryption_key_no_key_is_taken(
    bare: InProcess, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, value: str
) -> None:
    """503, the variable's name in the log alone; it never comes to the database, which is not there."""
    monkeypatch.setenv("API_KEY_ENCRYPTION_KEYS", value)
    bootstrap.reset()
    for path, body in (
        (SAVE, {"provider": "openai", "api_key": canary()}),
        (STEP, {"data": {"api_keys": {"openai": canary()}}}),
    ):
        response = bare.post(path, user=USER, json=body)
        assert (response.status, response.headers["Retry-After"]) == (503, "5")
        assert "API_KEY_ENCRYPTION_KEYS" not in response.text
    assert caplog.text.count("unavailable: API_KEY_ENCRYPTION_KEYS") == 2
    assert "database" not in caplog.text


def test_one_bad_entry_spoils_the_list(bare: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rotation with a typing error is refused before it hides anybody's keys."""
    good = base64.urlsafe_b64encode(b"k" * 32).decode()
    monkeypatch.setenv("API_KEY_ENCRYPTION_KEYS", f"{good},oops")
    bootstrap.reset()
    assert bare.post(SAVE, user=USER, json={"provider": "openai", "api_key": canary()}).status == 503


def test_nothing_is_stored_without_an_encryption_key(
    calls: InProcess, database: Superuser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither plain nor at all: the step stays as it was."""
    before = contents(database)
    monkeypatch.delenv("API_KEY_ENCRYPTION_KEYS")
    bootstrap.reset()
    assert calls.post(STEP, user=USER, json={"data": {"api_keys": {"openai": canary()}}}).status == 503
    assert calls.post(SAVE, user=USER, json={"provider": "openai", "api_key": canary()}).status == 503
    assert contents(database) == before
