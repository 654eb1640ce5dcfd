"""The doctor: everything that is commonly wrong, named with its fix, from inside and from outside."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from dev.harness.clerk import TokenFactory
from dev.harness.client import Client
from dev.settings import ROOT, new_encryption_key, new_webhook_secret
from lib import bootstrap
from scripts.doctor import main
from tests.support.inspection import Superuser

ORIGIN = "https://app.example.com"
Examine = Callable[..., dict[str, tuple[str, str]]]


@pytest.fixture
def examine(capsys: pytest.CaptureFixture[str]) -> Examine:
    """Runs the doctor and gives, by subject, state and sentence; its exit code has to fit."""

    def run(*arguments: str) -> dict[str, tuple[str, str]]:
        code = main([*arguments, "--json"])
        found = {entry["subject"]: (entry["state"], entry["said"]) for entry in json.loads(capsys.readouterr().out)}
        assert code == int(any(state == "wrong" for state, _ in found.values()))
        return found

    return run


def wrong(found: dict[str, tuple[str, str]]) -> dict[str, str]:
    """What is wrong, by subject."""
    return {subject: said for subject, (state, said) in found.items() if state == "wrong"}


def test_a_good_environment_is_found_good(
    environment: dict[str, str], examine: Examine, http: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is wrong; what is left unset is a note with what it means."""
    monkeypatch.setenv("CLERK_WEBHOOK_SIGNING_SECRET", new_webhook_secret())
    key = {"provider": "gemini", "api_key": "AIzaSyA-sample-key-for-development"}
    assert http.post("/api/onboarding/api-keys", json=key, user="user_a").status == 200
    found = examine()
    assert wrong(found) == {}
    assert found["stored API keys"] == ("ok", "can all be read (1)")
    assert found["CLERK_AUTHORIZED_PARTIES"][0] == "note"
    for subject in ("CLERK_JWT_KEY", "database", "TLS", "the database's clock", "schema", "database login"):
        assert found[subject][0] == "ok", subject


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("CLERK_JWT_KEY", "", "nobody can sign in"),
        ("CLERK_JWT_KEY", "nonsense", "copy it from Clerk"),
        ("CLERK_JWT_KEY", "-----BEGIN PUBLIC KEY-----\nbm9uZQ==\n-----END PUBLIC KEY-----", "no RSA public key"),
        ("CLERK_AUTHORIZED_PARTIES", "wizard.mine.test", ""),
        ("ALLOWED_ORIGINS", "https://app.example.com,localhost:3000", ""),
        ("API_KEY_ENCRYPTION_KEYS", "", "no API key can be stored"),
        ("API_KEY_ENCRYPTION_KEYS", "c2hvcnQ=", "32 bytes"),
        ("CLERK_WEBHOOK_SIGNING_SECRET", "secret-of-somebody", "malformed"),
        ("AI_BACKEND_URL", "ai.example.com", "http or https URL"),
        ("ONBOARDING_FLOW", "seven", "six, five"),
        ("OPERATIONS_TOKEN", "too-short", "malformed"),
    ],
)
def test_each_unusable_variable_is_named(
    environment: dict[str, str], examine: Examine, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    """That one alone is wrong, and its value is not shown."""
    monkeypatch.setenv(name, value)
    found = wrong(examine())
    assert list(found) == [name]
    assert said in found[name]
    assert not value or value not in found[name]


def test_a_wrong_password_and_a_missing_schema_are_told_apart(
    environment: dict[str, str], examine: Examine, monkeypatch: pytest.MonkeyPatch, empty_database_url: str
) -> None:
    """As everywhere: the cause in words."""
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    assert wrong(examine())["schema"].startswith("is at no revision, the code needs ")
    user, _, rest = empty_database_url.partition("@")
    monkeypatch.setenv("DATABASE_URL", f"{user.rpartition(':')[0]}:wrong@{rest}")
    found = wrong(examine())
    assert 'the password of user "onboarding_owner" is wrong' in found["database"]


def test_an_older_schema_and_another_key_ring_are_found(
    environment: dict[str, str], examine: Examine, http: Client, database: Superuser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys that these encryption keys cannot read are one count."""
    key = {"provider": "gemini", "api_key": "AIzaSyA-sample-key-for-development"}
    assert http.post("/api/onboarding/api-keys", json=key, user="user_a").status == 200
    monkeypatch.setenv("API_KEY_ENCRYPTION_KEYS", new_encryption_key())
    assert wrong(examine()).keys() == {"stored API keys"}
    assert "1 of 1 cannot be read" in wrong(examine())["stored API keys"]
    database.execute("UPDATE alembic_version SET version_num = '2026_01_01_01'")
    assert "run python -m migrations" in wrong(examine())["schema"]


def test_an_ai_backend_that_does_not_answer_is_found(
    environment: dict[str, str], examine: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever status it answers with, it is there; a closed port is not."""
    monkeypatch.setenv("AI_BACKEND_URL", "http://127.0.0.1:1")
    assert "cannot be reached (ConnectError)" in wrong(examine())["AI backend"]
    with served() as url:
        monkeypatch.setenv("AI_BACKEND_URL", url)
        assert examine()["AI backend"] == ("ok", "answers (200)")


@pytest.fixture
def deployment(http: Client, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of all functions, which a page of ORIGIN may call."""
    monkeypatch.setenv("ALLOWED_ORIGINS", ORIGIN)
    bootstrap.reset()
    return f"http://{http.host}:{http.port}"


def test_a_good_deployment_is_found_good(deployment: str, examine: Examine, token: TokenFactory) -> None:
    """Health, clock, unknown URLs, CORS and sign-in."""
    found = examine(deployment, "--origin", ORIGIN, "--token", token("user_a"))
    assert wrong(found) == {}
    subjects = ("health", "the deployment's clock", "unknown URLs", f"CORS for {ORIGIN}", "sign-in")
    assert [found[subject][0] for subject in subjects] == ["ok"] * 5


def test_what_is_refused_from_outside_is_told_with_the_fix(
    deployment: str, examine: Examine, token: TokenFactory
) -> None:
    """An origin that is not listed, one that is none, and tokens that do not pass."""
    other = "https://other.example.com"
    found = wrong(examine(deployment, "--origin", other, "--token", token("user_a", exp=1_700_000_000)))
    assert found[f"CORS for {other}"] == f"is refused: add {other} to ALLOWED_ORIGINS there and deploy again"
    assert "it expired " in found["sign-in"]
    assert "is no origin" in wrong(examine(deployment, "--origin", f"{ORIGIN}/"))[f"CORS for {ORIGIN}/"]
    assert "no JSON Web Token" in wrong(examine(deployment, "--token", "nonsense"))["sign-in"]
    foreign = token("user_a", iss="https://other.clerk.example.com", nbf=9_999_999_999)
    assert "https://other.clerk.example.com" in wrong(examine(deployment, "--token", foreign))["sign-in"]


def test_a_deployment_without_its_database_is_unhealthy(
    deployment: str, examine: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Health's own words are passed on."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://a:b@127.0.0.1:1/c")
    bootstrap.reset()
    assert "the database is unavailable" in wrong(examine(deployment))["health"]


def test_another_server_and_a_wrong_clock_are_found(examine: Examine) -> None:
    """A page of another project, and a host whose time is not ours."""
    with served(date=1_700_000_000) as url:
        found = wrong(examine(url, "--origin", ORIGIN))
    assert "is 200 of something else: correct the URL" in found["health"]
    assert "s behind this machine's" in found["the deployment's clock"]
    assert "vercel.json is not deployed" in found["unknown URLs"]
    assert "add https://app.example.com to ALLOWED_ORIGINS" in found[f"CORS for {ORIGIN}"]


def test_a_deployment_behind_protection_is_told_apart(examine: Examine) -> None:
    """Vercel's login page answers in its place."""
    with served(status=401) as url:
        found = wrong(examine(url, "--origin", ORIGIN))
    assert "OPTIONS Allowlist" in found["health"]
    assert "OPTIONS Allowlist" in found[f"CORS for {ORIGIN}"]


@pytest.mark.parametrize(
    ("url", "said"),
    [("http://127.0.0.1:1", "cannot be reached (ConnectError)"), ("https://no-such-host.invalid", "no such host")],
)
def test_a_deployment_that_cannot_be_reached_is_one_line(examine: Examine, url: str, said: str) -> None:
    """No traceback, and why."""
    assert said in wrong(examine(url))["deployment"]


def test_it_is_read_on_a_narrow_terminal(
    environment: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mark, a subject and a sentence; at the end how many things are wrong."""
    monkeypatch.setenv("ONBOARDING_FLOW", "seven")
    assert main([]) == 1
    shown = capsys.readouterr().out.splitlines()
    assert any(line.startswith("✗ ONBOARDING_FLOW: is not one of six, five") for line in shown)
    assert shown[-1].startswith("1 of ")
    assert [line for line in shown if len(line) > 80 and "://" not in line] == []


@pytest.mark.parametrize("arguments", [["nonsense"], ["ftp://a.example"], ["--origin", ORIGIN]])
def test_arguments_that_make_no_sense_are_refused(arguments: list[str]) -> None:
    """Exit code 2, as everywhere."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


def test_it_needs_nothing_but_what_is_deployed() -> None:
    """It runs where only requirements.txt is installed: no import of development's tools."""
    for file in ROOT.glob("scripts/doctor*.py"):
        assert "from dev" not in Path(file).read_text()


@contextmanager
def served(*, status: int = 200, date: float | None = None) -> Iterator[str]:
    """A server that answers every request with the same page."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.send_response_only(status)
            self.send_header("Date", formatdate(date, usegmt=True))
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_OPTIONS = _answer

        def log_message(self, *_: Any) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
