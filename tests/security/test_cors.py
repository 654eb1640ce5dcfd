"""CORS: only listed origins, named back to them alone, and never with cookies."""

from __future__ import annotations

import pytest

from dev.harness.client import Response
from dev.harness.in_process import InProcess
from lib import bootstrap

LISTED = "https://app.example.com"
PATH = "/api/onboarding/init"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization, content-type"}

STRANGERS = [
    "https://evil.example",
    "http://app.example.com",
    "https://app.example.com:8443",
    "https://app.example.com.evil.example",
    "https://evil-app.example.com",
    "https://appxexample.com",
    "https://APP.example.com.evil.example",
    "https://app.example.com@evil.example",
    "https://evil.example/https://app.example.com",
    "https://app.example.com\n",
    "https://app.example.com, https://evil.example",
    "null",
    "*",
    "",
    "https://wizard-git-.vercel.app",
    "https://wizard-git-a.b.vercel.app",
    "https://wizard-git-a/b.vercel.app",
    "https://wizard-git-a.vercel.app.evil.example",
    "https://evil.example#wizard-git-a.vercel.app",
    "https://wizard-git-ä.vercel.app",
]


@pytest.fixture
def listed(bare: InProcess, monkeypatch: pytest.MonkeyPatch) -> InProcess:
    """Functions that one origin and a pattern of previews may call."""
    monkeypatch.setenv("ALLOWED_ORIGINS", f" {LISTED}/ , https://wizard-git-*.vercel.app")
    bootstrap.reset()
    return bare


def cors_headers(response: Response) -> dict[str, str]:
    names = {name.lower() for name in response.headers}
    return {name: response.headers[name] for name in names if name.startswith("access-control-")}


def varies_by_origin(response: Response) -> bool:
    fields = ",".join(response.headers.get_all("Vary", [])).split(",")
    return "origin" in [field.strip().lower() for field in fields]


@pytest.mark.parametrize("origin", [LISTED, "https://wizard-git-fix-1.vercel.app"])
def test_a_listed_origin_may_call(listed: InProcess, origin: str) -> None:
    """The preflight is answered before a token is asked for, and errors can be read by the page too."""
    preflight = listed.request("OPTIONS", PATH, headers={"Origin": origin, **PREFLIGHT})
    assert preflight.status == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == origin
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert {"authorization", "content-type"} <= {
        name.strip().lower() for name in preflight.headers["Access-Control-Allow-Headers"].split(",")
    }
    for response in (
        listed.get(PATH, headers={"Origin": origin}),
        listed.get(PATH, user="user_a", headers={"Origin": origin}),
        listed.get("/api/onboarding/nothing", headers={"Origin": origin}),
        listed.request("PUT", PATH, headers={"Origin": origin}),
    ):
        assert response.status in {401, 404, 405, 503}
        assert response.headers["Access-Control-Allow-Origin"] == origin
        assert varies_by_origin(response)


@pytest.mark.parametrize("origin", STRANGERS)
def test_any_other_origin_is_told_nothing(listed: InProcess, origin: str) -> None:
    """Its name does not come back in any header, on a preflight or not; and caches keep the answers apart."""
    for response in (
        listed.request("OPTIONS", PATH, headers={"Origin": origin, **PREFLIGHT}),
        listed.get(PATH, headers={"Origin": origin}),
        listed.get("/api/onboarding/config", headers={"Origin": origin}),
    ):
        assert cors_headers(response) == {}
        assert varies_by_origin(response)


def test_never_with_cookies_and_never_for_everybody(listed: InProcess) -> None:
    """No credentials by cookie: the token is in a header that only the page itself can send. No `*` either."""
    for method in ("OPTIONS", "GET"):
        response = listed.request(method, PATH, headers={"Origin": LISTED, "Cookie": "session=1", **PREFLIGHT})
        assert "access-control-allow-credentials" not in cors_headers(response)
        assert "*" not in cors_headers(response).values()
        assert response.headers.get("Set-Cookie") is None


def test_without_a_list_there_is_no_cors(bare: InProcess) -> None:
    """None by default: no header for anybody."""
    for origin in (LISTED, "http://localhost:3000", "http://localhost", "null"):
        assert cors_headers(bare.request("OPTIONS", PATH, headers={"Origin": origin, **PREFLIGHT})) == {}
        assert cors_headers(bare.get(PATH, headers={"Origin": origin})) == {}


@pytest.mark.parametrize("path", [PATH, "/api/health", "/api/webhooks/clerk", "/api/onboarding/step/1/complete"])
def test_a_preflight_needs_neither_token_nor_database(listed: InProcess, path: str) -> None:
    """A browser sends no token with it, and it must not cost a connection."""
    assert listed.request("OPTIONS", path, headers={"Origin": LISTED, **PREFLIGHT}).status == 204


@pytest.mark.parametrize("unusable", ["app.example.org", "*", " , ", f"{LISTED}, app.example.org"])
def test_a_list_that_cannot_be_read_lets_no_page_in_and_says_so(
    bare: InProcess, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, unusable: str
) -> None:
    """No CORS header for anybody, a 503 for a page, preflight included, and a line that names the variable."""
    monkeypatch.setenv("ALLOWED_ORIGINS", unusable)
    bootstrap.reset()
    for method, headers in (("OPTIONS", PREFLIGHT), ("GET", {})):
        caplog.clear()
        response = bare.request(method, "/api/onboarding/config", headers={"Origin": LISTED, **headers})
        assert (response.status, response.headers["Content-Type"]) == (503, "application/problem+json")
        assert cors_headers(response) == {}
        assert "ALLOWED_ORIGINS" in caplog.text
        assert unusable not in caplog.text
    assert bare.get("/api/onboarding/config").status == 200
