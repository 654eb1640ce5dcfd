"""Who may ask for the figures of all users."""

from __future__ import annotations

import pytest

from dev.harness.client import Client, Response
from lib import bootstrap
from lib.config import MIN_OPERATIONS_TOKEN_CHARACTERS

TOKEN = "t" * MIN_OPERATIONS_TOKEN_CHARACTERS
PATH = "/api/operations/funnel"


def ask(http: Client, authorization: str | None, query: str = "") -> Response:
    """Ask for the funnel with that header."""
    return http.get(PATH + query, headers={"Authorization": authorization} if authorization else {})


@pytest.fixture
def configured(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A deployment with an operations token."""
    monkeypatch.setenv("OPERATIONS_TOKEN", TOKEN)
    bootstrap.reset()


def test_without_a_configured_token_there_is_nothing(http: Client) -> None:
    """A 404 for every token, the empty one and a good session's included."""
    for authorization in (None, "Bearer ", f"Bearer {TOKEN}", f"Bearer {http.sign('user_a')}"):
        assert ask(http, authorization).status == 404


def test_a_token_that_is_too_short_opens_nothing(
    http: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A 503, also for that very token; the log names the variable and not its value."""
    monkeypatch.setenv("OPERATIONS_TOKEN", TOKEN[:-1])
    bootstrap.reset()
    assert ask(http, f"Bearer {TOKEN[:-1]}").status == 503
    assert "OPERATIONS_TOKEN has under 32 characters" in caplog.text
    assert TOKEN[:-1] not in caplog.text


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize(
    "authorization",
    [None, "Bearer", "Bearer ", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer ünicode"],
)
def test_any_other_token_is_refused(http: Client, authorization: str | None) -> None:
    """With a challenge, before the query is looked at; nothing of the token is in the answer."""
    response = ask(http, authorization and authorization.encode().decode("latin-1"), "?since=nonsense")
    assert (response.status, response.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert TOKEN[:8] not in response.text


@pytest.mark.usefixtures("configured")
def test_a_session_token_is_no_operations_token_and_the_other_way_round(http: Client) -> None:
    """A user sees no figures, and an operator no user."""
    assert ask(http, f"Bearer {http.sign('user_a')}").status == 401
    assert http.get("/api/onboarding/status", headers={"Authorization": f"Bearer {TOKEN}"}).status == 401


@pytest.mark.usefixtures("configured")
def test_the_figures_name_nobody(http: Client, caplog: pytest.LogCaptureFixture) -> None:
    """No id of a user in the answer, no token in the log, and no cache keeps either."""
    http.post("/api/onboarding/start", user="user_2findable")
    response = ask(http, f"Bearer {TOKEN}")
    assert (response.status, response.json()["started"]) == (200, 1)
    assert "user_2findable" not in response.text
    assert response.headers["Cache-Control"] == "private, no-store"
    assert TOKEN not in caplog.text
