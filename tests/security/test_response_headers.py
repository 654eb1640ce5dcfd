"""Headers that browsers expect of an API, on every kind of answer."""

from __future__ import annotations

import pytest

from dev.harness.client import Client, Response
from dev.harness.in_process import InProcess
from dev.harness.wizard import walk

USER = "user_2headers"


def answers(client: Client) -> dict[str, Response]:
    """One of each kind."""
    json_body = {"Content-Type": "application/json"}
    post = "/api/onboarding/step/2/complete"
    return {
        "200": client.get("/api/onboarding/init", user=USER),
        "204": client.delete("/api/onboarding/api-keys/openai", user=USER),
        "400": client.post(post, user=USER, body=b"{", headers=json_body),
        "401": client.get("/api/onboarding/init"),
        "404": client.get("/api/onboarding/nothing", user=USER),
        "404 outside": client.get("/api/nothing/at/all"),
        "405": client.request("PUT", "/api/onboarding/init", user=USER),
        "409": client.post("/api/onboarding/complete", user=USER),
        "413": client.post(post, user=USER, body=b" " * (4 * 1024 * 1024 + 1), headers=json_body),
        "415": client.post(post, user=USER, body=b"{}", headers={"Content-Type": "text/plain"}),
        "422": client.post(post, user=USER, json={"data": {"website": "javascript:alert(1)"}}),
        "503": client.post("/api/webhooks/clerk", json={}),
    }


def test_every_answer_forbids_guessing_its_type_and_keeping_it(calls: InProcess) -> None:
    """`nosniff`, `no-store`, a type that no browser renders, an id, and no cookie, whatever the status."""
    for kind, response in answers(calls).items():
        assert str(response.status) == kind[:3], response.text
        assert response.headers["X-Content-Type-Options"] == "nosniff", kind
        assert response.headers["Cache-Control"] == "private, no-store", kind
        assert response.headers["X-Request-Id"], kind
        assert response.headers["Set-Cookie"] is None, kind
        expected = None if kind == "204" else "application/json" if kind == "200" else "application/problem+json"
        assert response.headers["Content-Type"] == expected, kind


def test_a_crash_keeps_the_headers(calls: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """A 500 is an answer like any other."""
    monkeypatch.setattr("lib.http.endpoints.session.sessions.load", lambda *_: 1 / 0)
    response = calls.get("/api/onboarding/init", user=USER)
    assert (response.status, response.headers["X-Content-Type-Options"]) == (500, "nosniff")
    assert response.headers["Cache-Control"] == "private, no-store"
    assert "ZeroDivisionError" not in response.text


def test_nothing_says_what_serves(calls: InProcess, http: Client) -> None:
    """No banner of a server, framework or version, from the functions and over a socket."""
    for client in (calls, http):
        for kind, response in answers(client).items():
            for name in ("Server", "X-Powered-By", "Via"):
                assert response.headers[name] is None, kind


def test_what_is_about_a_user_is_kept_by_nobody(calls: InProcess) -> None:
    """Neither by the browser nor by anything between."""
    walk(calls, USER, 1)
    for path in ("init", "status", "progress", "summary", "export", "api-keys", "api-keys/onboarding", "step/1"):
        response = calls.get(f"/api/onboarding/{path}", user=USER)
        assert (response.status, response.headers["Cache-Control"]) == (200, "private, no-store"), path


def test_what_is_the_same_for_everybody_may_be_kept(bare: InProcess) -> None:
    """The catalogue, and only where it is there; never the health."""
    for path in ("config", "providers", "providers/openai/setup"):
        assert bare.get(f"/api/onboarding/{path}").headers["Cache-Control"] == "public, max-age=300"
    assert "public" not in bare.get("/api/onboarding/providers/nobody/setup").headers["Cache-Control"]
    assert "no-store" in bare.get("/api/health").headers["Cache-Control"]


@pytest.mark.parametrize("sent", ["a\nSet-Cookie: x=1", "a\r\nX: y", "é", "a" * 129, "<script>", "", "a b"])
def test_a_request_id_cannot_smuggle_anything(bare: InProcess, sent: str) -> None:
    """Only a harmless id comes back; for any other there is a new one."""
    response = bare.get("/api/onboarding/config", headers={"X-Request-Id": sent})
    assert response.headers["X-Request-Id"] != sent
    assert response.headers["X-Request-Id"].isalnum()
