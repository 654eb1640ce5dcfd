"""The contract's rules that hold everywhere and are not one call's."""

import logging
import re
from collections.abc import Iterator

import pytest

from dev.harness.client import Client
from dev.harness.wizard import GEMINI, complete_step, walk
from lib import bootstrap
from tests.api.test_errors import PRIVATE

USER = "user_2rules"


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What is logged at INFO."""
    with caplog.at_level(logging.INFO):
        yield caplog


@pytest.mark.parametrize(("method", "path"), PRIVATE)
def test_every_response_about_a_user_is_private_and_never_stored(http: Client, method: str, path: str) -> None:
    """Errors included."""
    assert http.request(method, path, user=USER).headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(
    ("step", "lines"),
    [
        (1, ["API key for gemini", "API key for exa", "API key for copilotkit"]),
        (2, ["Website analysis"]),
        (3, ["Research preferences"]),
        (4, ["Persona data"]),
        (5, ["Integrations"]),
    ],
)
def test_success_lines_say_what_was_saved(
    http: Client, log: pytest.LogCaptureFixture, step: int, lines: list[str]
) -> None:
    """One line for each thing, as operators look for it, with the id of the request that the response returns."""
    response = complete_step(http, USER, step)
    messages = [record.getMessage() for record in log.records if "DATABASE" in record.getMessage()]
    request_id = response.headers["X-Request-Id"]
    assert messages == [
        f"✅ DATABASE: {line} saved to database for user {USER} request_id={request_id}" for line in lines
    ]


def test_no_success_line_without_a_commit(
    http: Client, log: pytest.LogCaptureFixture, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that fails says nothing of success."""
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    bootstrap.reset()
    assert complete_step(http, USER, 2).status == 503
    assert "✅" not in log.text
    assert "unavailable" in log.text


def test_no_log_line_holds_a_key(http: Client, log: pytest.LogCaptureFixture) -> None:
    """Neither when it is stored nor when it is refused."""
    walk(http, USER, 1)
    complete_step(http, USER, 1, {"api_keys": {"gemini": GEMINI + " "}, "x": GEMINI})
    complete_step(http, USER, 1, {"api_keys": {"exa": GEMINI}})
    assert GEMINI not in log.text


def test_every_response_has_a_request_id(http: Client) -> None:
    """Another one each time; a harmless one that the caller sent is kept, any other is replaced."""
    path = "/api/onboarding/config"
    first, second = (http.get(path).headers["X-Request-Id"] for _ in range(2))
    assert first != second
    assert http.get(path, headers={"X-Request-Id": "abc-123"}).headers["X-Request-Id"] == "abc-123"
    assert re.fullmatch(r"\w+", http.get(path, headers={"X-Request-Id": "a b%s"}).headers["X-Request-Id"])
    assert http.get("/api/onboarding/status").headers["X-Request-Id"]


def test_no_cors_header_without_configured_origins(http: Client) -> None:
    """None by default."""
    response = http.get("/api/health", headers={"Origin": "https://app.example.com"})
    assert not [name for name in response.headers if name.lower().startswith("access-control")]


def test_a_listed_origin_may_call(http: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its preflight needs no token, and an error reaches the page as well; another origin gets no header."""
    monkeypatch.setenv("ALLOWED_ORIGINS", "https://app.example.com")
    bootstrap.reset()
    path, origin = "/api/onboarding/init", {"Origin": "https://app.example.com"}
    preflight = http.request("OPTIONS", path, headers={**origin, "Access-Control-Request-Method": "GET"})
    assert preflight.status == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == "https://app.example.com"
    assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
    refused = http.get(path, headers=origin)
    assert (refused.status, refused.headers["Access-Control-Allow-Origin"]) == (401, "https://app.example.com")
    assert refused.headers["Vary"] == "Origin"
    stranger = http.get(path, headers={"Origin": "https://app.example.com.evil.com"})
    assert stranger.headers["Access-Control-Allow-Origin"] is None
    assert stranger.headers["Vary"] == "Origin"
