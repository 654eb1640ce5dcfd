"""One line a request: what operators can tell from it, and what never gets into it."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import pytest

from dev.harness.clerk import TokenFactory
from dev.harness.client import Client
from dev.harness.wizard import GEMINI, STEP_DATA, complete_step
from lib import bootstrap
from tests.support.ai_backend import StubBackend

BASE = "/api/onboarding"
ORIGIN = "https://app.example.com"
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The lines of requests so far."""
    return [record.getMessage() for record in caplog.records if record.name == "lib.http.request_log"]


def line(caplog: pytest.LogCaptureFixture) -> str:
    """The line of the only request so far."""
    (only,) = lines(caplog)
    caplog.clear()
    return only


def set_variables(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    """Change the environment of the functions."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    bootstrap.reset()


def test_a_line_says_who_asked_what_and_how_it_went(http: Client, caplog: pytest.LogCaptureFixture) -> None:
    """Method, the route and not what stands in it, status, times, user and request id, readable."""
    response = http.get(f"{BASE}/style-detection/analysis/7?x=1", user="user_a", headers={"X-Request-Id": "req-1"})
    assert response.status == 404
    pattern = r"GET /api/onboarding/style-detection/analysis/\{id\} 404 [\d.]+ ms db_ms=[\d.]+ user=user_a"
    assert re.fullmatch(pattern + " request_id=req-1 reason=not_found", line(caplog))


def test_on_vercel_a_line_is_one_json_object(
    http: Client, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is added before or behind it, so that a log drain can read it."""
    set_variables(monkeypatch, VERCEL="1")
    http.get(f"{BASE}/status", user='user_"50% off"', headers={"X-Request-Id": "req-1", "traceparent": TRACEPARENT})
    found = json.loads(line(caplog))
    assert found.pop("ms") >= found.pop("db_ms") > 0
    assert found == {
        "level": "info",
        "method": "GET",
        "route": f"{BASE}/status",
        "status": 200,
        "user": 'user_"50% off"',
        "request_id": "req-1",
        "trace_id": TRACE_ID,
    }


def test_a_refused_body_is_told_by_fields_and_codes(http: Client, caplog: pytest.LogCaptureFixture) -> None:
    """Never by values, not even where a caller put a key in the place of a name; and not by all of a thousand."""
    sent = {"api_keys": {"gemini": "not-a-gemini-key", GEMINI: "x", "sk-secret-secret": "y"}}
    assert complete_step(http, "user_a", 1, sent).status == 422
    text = line(caplog)
    assert 'reason="invalid_data: data.api_keys' in text
    assert "gemini invalid_key" in text
    assert [secret for secret in ("not-a-gemini-key", GEMINI, "sk-secret-secret") if secret in text] == []
    assert complete_step(http, "user_a", 1, {"api_keys": {f"p{n}": "x" for n in range(1000)}}).status == 422
    assert len(line(caplog)) < 1000


def test_what_the_route_does_not_say_is_added(http: Client, caplog: pytest.LogCaptureFixture) -> None:
    """A skipped step, and a reset that erases."""
    http.post(f"{BASE}/step/4/skip", user="user_a")
    assert line(caplog).endswith("reason=skip")
    http.post(f"{BASE}/step/1/skip", user="user_a")
    assert line(caplog).endswith('reason="skip; conflict"')
    http.post(f"{BASE}/reset?hard=true", user="user_a")
    assert line(caplog).endswith('reason="reset hard"')
    http.post(f"{BASE}/reset", user="user_a")
    assert "reason" not in line(caplog)


@pytest.mark.parametrize(
    ("claims", "named"),
    [({"exp": 1}, "exp"), ({"nbf": 9_999_999_999}, "nbf"), ({"exp": None}, "exp"), ({"iss": "https://x"}, "iss")],
)
def test_a_refused_token_is_told_by_its_claim(
    http: Client,
    token: TokenFactory,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    claims: dict[str, Any],
    named: str,
) -> None:
    """Its name, without a value."""
    set_variables(monkeypatch, CLERK_ISSUER="https://clerk.example.com")
    http.get(f"{BASE}/status", headers={"Authorization": f"Bearer {token('user_a', **claims)}"})
    assert line(caplog).endswith(f'reason="{named}; unauthenticated"')
    http.get(f"{BASE}/status")
    assert line(caplog).endswith('reason="no bearer token; unauthenticated"')


@pytest.mark.parametrize("deployed_as", ["", "development", "preview", "production"])
def test_only_development_shows_the_party_and_origin_that_were_refused(
    http: Client, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, deployed_as: str
) -> None:
    """What came and what would pass: on a developer's machine. A deployment never shows it, even with that variable."""
    set_variables(
        monkeypatch,
        CLERK_AUTHORIZED_PARTIES="https://good.example",
        ALLOWED_ORIGINS=ORIGIN,
        ONBOARDING_DEVELOPMENT="1",
        VERCEL_ENV=deployed_as,
    )
    http.get(f"{BASE}/status", user="user_a", headers={"Origin": "https://evil.example"})
    text, is_shown = line(caplog), deployed_as in ("", "development")
    values = ("https://evil.example", ORIGIN, "http://localhost:3000", "https://good.example")
    assert [value in text for value in values] == [is_shown] * 4
    assert ('reason="origin; azp; unauthenticated"' in text) is not is_shown


def test_preflights_and_health_checks_are_logged_when_something_is_wrong(
    http: Client, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise they would be most of the log."""
    set_variables(monkeypatch, ALLOWED_ORIGINS=ORIGIN)
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}
    assert http.request("OPTIONS", f"{BASE}/status", headers=asked).status == 204
    assert http.get("/health").status == http.get("/api/health").status == 200
    assert lines(caplog) == []
    http.request("OPTIONS", f"{BASE}/status", headers={**asked, "Origin": "https://evil.example"})
    assert line(caplog).startswith("OPTIONS /api/onboarding/status 204 ")
    set_variables(monkeypatch, DATABASE_URL="postgresql://nobody:x@127.0.0.1:1/nothing")
    assert http.get("/health").status == 503
    assert line(caplog).startswith("GET /health 503 ")


def test_what_is_our_fault_is_an_error_and_the_rest_is_not(
    http: Client, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An alert on errors does not ring for a mistake of a caller."""
    http.get(f"{BASE}/status")
    set_variables(monkeypatch, DATABASE_URL="postgresql://nobody:x@127.0.0.1:1/nothing")
    http.get(f"{BASE}/status", user="user_a")
    levels = [record.levelno for record in caplog.records if record.name == "lib.http.request_log"]
    assert levels == [logging.INFO, logging.ERROR]


@pytest.mark.parametrize("path", [f"/x/{GEMINI}", f"/x/%41{GEMINI[1:]}", "/" + "a" * 9000, "/x/%0aERROR%20forged%22"])
def test_a_path_of_no_route_is_cut_and_masked(http: Client, caplog: pytest.LogCaptureFixture, path: str) -> None:
    """It is a caller's text: no key, no second line, no more than 200 characters of it."""
    http.get(f"{path}?key={GEMINI}")
    text = line(caplog)
    assert text.isprintable()
    assert len(text) < 400
    assert (GEMINI in text, GEMINI[5:20] in text) == (False, False)


def test_a_trace_goes_on_to_the_ai_backend(
    http: Client, ai_backend: StubBackend, caplog: pytest.LogCaptureFixture
) -> None:
    """Its header as it was sent, and its id in the line; a malformed one is dropped."""
    http.get("/api/seo/x", user="user_a", headers={"traceparent": TRACEPARENT})
    assert f"trace_id={TRACE_ID}" in line(caplog)
    assert ai_backend.asked[-1].headers["traceparent"] == TRACEPARENT
    no_id = f"00-{'0' * 32}-00f067aa0ba902b7-01"
    for malformed in ("nonsense", TRACEPARENT.upper(), f"{TRACEPARENT}-more", f"ff{TRACEPARENT[2:]}", no_id):
        http.get("/api/seo/x", user="user_a", headers={"traceparent": malformed})
        assert "trace_id" not in line(caplog)
        assert "traceparent" not in {name.lower() for name in ai_backend.asked[-1].headers}


def test_the_answer_says_how_long_the_database_took(http: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """`Server-Timing`, which a page of an allowed origin may read; nothing of it where no database was asked."""
    set_variables(monkeypatch, ALLOWED_ORIGINS=ORIGIN)
    headers = http.post(
        f"{BASE}/step/4/complete", json={"data": STEP_DATA[4]}, user="user_a", headers={"Origin": ORIGIN}
    ).headers
    found = re.fullmatch(r"db;dur=([\d.]+), app;dur=([\d.]+)", headers["Server-Timing"])
    assert found is not None
    assert float(found[1]) > 0
    assert "Server-Timing" in headers["Access-Control-Expose-Headers"]
    assert headers["Timing-Allow-Origin"] == ORIGIN
    stranger = http.get(f"{BASE}/config", headers={"Origin": "https://evil.example"}).headers
    assert stranger["Server-Timing"].startswith("db;dur=0.0, ")
    assert "Timing-Allow-Origin" not in stranger
