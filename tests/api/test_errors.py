"""Every line of the contract's table of errors."""

import json
from typing import Any

import pytest

from dev.harness.clerk import TokenFactory
from dev.harness.client import Client, Response
from dev.harness.wizard import walk
from dev.settings import SigningKey
from lib import bootstrap

USER = "user_2errors"
STEP_2 = "/api/onboarding/step/2/complete"
JSON = {"Content-Type": "application/json"}

# Every URL of the contract that needs a token, with its method.
PRIVATE = [
    *[("GET", f"/api/onboarding/{path}") for path in ("init", "status", "progress", "resume", "summary", "api-keys")],
    *[("GET", f"/api/onboarding/{path}") for path in ("api-keys/onboarding", "website-analysis", "step/abc", "step/9")],
    *[("GET", f"/api/onboarding/{path}") for path in ("research-preferences", "step4/persona-latest")],
    *[
        ("GET", f"/api/onboarding/style-detection/{path}")
        for path in ("check-existing/https%3A%2F%2Fa.b", "analysis/1", "session-analyses")
    ],
    *[("POST", f"/api/onboarding/{path}") for path in ("start", "complete", "reset", "api-keys", "api-keys/validate")],
    ("POST", "/api/onboarding/step4/persona-save"),
    ("DELETE", "/api/onboarding/api-keys/exa"),
    *[("GET", f"/api/onboarding/step/{number}") for number in range(1, 7)],
    *[("GET", f"/api/onboarding/step/{number}/validate") for number in range(1, 7)],
    *[("POST", f"/api/onboarding/step/{number}/complete") for number in range(1, 7)],
    *[("POST", f"/api/onboarding/step/{number}/skip") for number in (4, 5)],
]


def _is_problem(response: Response, status: int) -> Any:
    assert response.status == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert (problem["status"], problem["type"]) == (status, f"/problems#{problem['code']}")
    assert problem["request_id"] == response.headers["X-Request-Id"]
    assert problem["title"]
    assert problem["detail"].endswith(".")
    return problem


def _post(http: Client, body: bytes, headers: dict[str, str] | None = None) -> Response:
    return http.post(STEP_2, user=USER, body=body, headers=JSON if headers is None else headers)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"nope",
        b"[]",
        b'"text"',
        b"null",
        b'{"data": NaN}',
        b'{"data": {"a": Infinity}}',
        b'{"data": {"a": -Infinity}}',
        b'{"data": {"a": 1e999}}',
        b'{"data": {"a": ' + b"9" * 5000 + b"}}",
        b'{"data": "\xff"}',
        b"\xef\xbb\xbf{}",
        b'{"data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_400_when_the_body_is_not_a_json_object(http: Client, body: bytes) -> None:
    """Broken JSON or UTF-8, another type, NaN, Infinity, a number beyond any double: refused, nothing stored."""
    _is_problem(_post(http, body), 400)
    assert http.get("/api/onboarding/status", user=USER).json()["started_at"] is None


def test_400_when_the_body_is_deeper_than_64_levels(http: Client) -> None:
    """64 levels pass, the body's own being the first, and 65 do not."""

    def nested(levels: int) -> bytes:
        inside = levels - 2  # the body, and data
        return b'{"data": {"website": "https://a.b", "x": ' + b"[" * inside + b"]" * inside + b"}}"

    assert _post(http, nested(64)).status == 200
    _is_problem(_post(http, nested(65)), 400)


@pytest.mark.parametrize(("method", "path"), PRIVATE)
def test_401_without_a_token(http: Client, method: str, path: str) -> None:
    """On every URL about a user, with the header that names the scheme, never cached."""
    refused = http.request(method, path)
    _is_problem(refused, 401)
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert refused.headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize("claims", [{"exp": 1}, {"nbf": 2**40}, {"sub": ""}, {"exp": None}, {"sts": "pending"}])
def test_401_for_a_token_that_proves_nothing(http: Client, token: TokenFactory, claims: dict[str, Any]) -> None:
    """Expired, not yet valid, without a user, without an end, or of a session still pending."""
    headers = {"Authorization": f"Bearer {token(USER, **claims)}"}
    _is_problem(http.get("/api/onboarding/status", headers=headers), 401)


def test_401_for_another_key_issuer_or_party(
    http: Client, token: TokenFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what is configured passes."""

    def status(**claims: Any) -> int:
        headers = {"Authorization": f"Bearer {token(USER, **claims)}"}
        return http.get("/api/onboarding/status", headers=headers).status

    assert status(key=SigningKey.generate()) == 401
    monkeypatch.setenv("CLERK_ISSUER", "https://clerk.example.com")
    monkeypatch.setenv("CLERK_AUTHORIZED_PARTIES", "https://app.example.com,https://app-*-team.vercel.app")
    bootstrap.reset()
    good = {"iss": "https://clerk.example.com", "azp": "https://app.example.com"}
    assert status(**good) == 200
    assert status(**{**good, "azp": "https://app-git-x-team.vercel.app"}) == 200
    assert status(**{**good, "iss": "https://clerk.evil.com"}) == 401
    assert status(**{**good, "azp": "https://evil.com"}) == 401
    assert status(**{**good, "azp": None}) == 401


@pytest.mark.parametrize(
    "path",
    ["/api/onboarding/nothing", "/api/nothing", "/api/onboarding/step/2/nothing", "/api/onboarding/api-keys/a/b"],
)
def test_404_where_there_is_no_route(http: Client, path: str) -> None:
    """As a problem, with and without a token."""
    _is_problem(http.get(path), 404)
    _is_problem(http.get(path, user=USER), 404)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/api/onboarding/init", {"GET", "HEAD"}),
        ("GET", "/api/onboarding/start", {"POST"}),
        ("PUT", "/api/onboarding/api-keys", {"GET", "HEAD", "POST"}),
        ("POST", "/api/health", {"GET", "HEAD"}),
        ("PURGE", "/api/health", {"GET", "HEAD"}),
        ("FOO", "/api/onboarding/start", {"POST"}),
        ("PROPFIND", "/api/anything", {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}),
        ("FOO", "/api/anything", {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}),
        ("GET", "/api/onboarding/step/2/complete", {"POST"}),
    ],
)
def test_405_names_the_methods_that_there_are(http: Client, method: str, path: str, allowed: set[str]) -> None:
    """In Allow."""
    refused = http.request(method, path, user=USER)
    _is_problem(refused, 405)
    assert {name.strip() for name in refused.headers["Allow"].split(",")} - {"OPTIONS"} == allowed


@pytest.mark.parametrize(
    "path", ["/health", "/api/onboarding/config", "/api/onboarding/init", "/api/onboarding/nothing"]
)
def test_head_is_answered_as_get_without_a_body(http: Client, path: str) -> None:
    """Monitors ask so: the same status and type, and the body's length alone."""
    got, head = http.get(path, user=USER), http.request("HEAD", path, user=USER)
    assert (head.status, head.body) == (got.status, b"")
    assert head.headers["Content-Type"] == got.headers["Content-Type"]
    assert head.headers["Cache-Control"] == got.headers["Cache-Control"]


def test_409_for_skipping_a_required_step(http: Client) -> None:
    """With a sentence that names it."""
    problem = _is_problem(http.post("/api/onboarding/step/2/skip", user=USER), 409)
    assert "Website Analysis" in problem["detail"]


def test_409_for_finishing_while_required_steps_are_missing(http: Client) -> None:
    """With their titles."""
    walk(http, USER, 1, 2)
    problem = _is_problem(http.post("/api/onboarding/complete", user=USER), 409)
    assert "AI Research" in problem["detail"]


def test_413_over_4_mib(http: Client) -> None:
    """4 MiB pass, one byte more does not."""

    def body(size: int) -> bytes:
        return b'{"data":{"website":"https://a.b"}}'.ljust(size)

    limit = 4 * 1024 * 1024
    assert _post(http, body(limit)).status == 200
    _is_problem(_post(http, body(limit + 1)), 413)


def test_413_for_data_over_1_mib(http: Client) -> None:
    """1 MiB of JSON passes, one byte more does not, and the field is named. Blanks and escapes do not count."""
    frame = len('{"website":"https://a.b","x":""}')

    def body(size: int) -> bytes:
        data = {"website": "https://a.b", "x": "ü" + "x" * (size - frame - 2)}
        return json.dumps({"data": data}, indent=4).encode()

    limit = 1024 * 1024
    assert _post(http, body(limit)).status == 200
    problem = _is_problem(_post(http, body(limit + 1)), 413)
    assert problem["code"] == "payload_too_large"
    assert [(error["field"], error["code"]) for error in problem["errors"]] == [("data", "too_large")]


@pytest.mark.parametrize("declared", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""])
def test_415_for_a_body_that_is_not_declared_json(http: Client, declared: str) -> None:
    """However good the JSON in it is."""
    _is_problem(_post(http, b'{"data": {"website": "https://a.b"}}', {"Content-Type": declared}), 415)


@pytest.mark.parametrize("declared", ["application/json", "Application/JSON; charset=utf-8", "application/ld+json"])
def test_declared_json_passes_in_all_its_spellings(http: Client, declared: str) -> None:
    """Letter case, parameters, and suffixes."""
    assert _post(http, b'{"data": {"website": "https://a.b"}}', {"Content-Type": declared}).status == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (rb'{"data": {"website": "https://a.b", "x": "\u0000"}}', "data.x"),
        (rb'{"data": {"website": "https://a.b", "x": [1, {"y": "a\ud800b"}]}}', "data.x.1.y"),
        (rb'{"data": {"website": "https://a.b", "x\u0000": 1}}', "data.x?"),
        (rb'{"data": {"website": "https://a.b", "\udc00": {}}}', "data.?"),
    ],
)
def test_422_for_a_nul_or_a_lone_surrogate(http: Client, body: bytes, field: str) -> None:
    """In any string, members' names included; the place is named."""
    problem = _is_problem(_post(http, body), 422)
    assert field in [error["field"] for error in problem["errors"]]


def test_422_for_numbers_that_would_come_back_many_times_larger(http: Client) -> None:
    """A small body of exponents must not become a large answer; a few of them are nobody's attack."""

    def send(count: int) -> Response:
        return _post(http, json.dumps({"data": {"website": "https://a.b", "crawl_result": [1e300] * count}}).encode())

    assert send(1_000).status == 200
    problem = _is_problem(send(20_000), 422)
    assert problem["errors"][0]["field"] == "data.crawl_result"
    assert http.get("/api/onboarding/website-analysis", user=USER).json()["crawl_result"] == [10**300] * 1_000


def test_a_surrogate_pair_and_an_escaped_backslash_are_no_reason_to_refuse(http: Client) -> None:
    """What only looks like a NUL or half a pair is stored as it was sent."""
    body = rb'{"data": {"website": "https://a.b", "x": "\ud83d\ude00 \\u0000"}}'
    assert _post(http, body).status == 200
    assert http.get("/api/onboarding/step/2", user=USER).json()["data"]["x"] == "\U0001f600 \\u0000"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DATABASE_URL", None),
        ("DATABASE_URL", "postgresql://someone:hunter2@127.0.0.1:1/nothing"),
        ("CLERK_JWT_KEY", None),
        ("CLERK_JWT_KEY", "not a key"),
        ("API_KEY_ENCRYPTION_KEYS", None),
    ],
)
def test_503_where_the_deployment_is_not_usable(
    http: Client,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    variable: str,
    value: str | None,
) -> None:
    """With Retry-After, without a word of why; the operator's log names the variable or the kind of failure."""
    if value is None:
        monkeypatch.delenv(variable)
    else:
        monkeypatch.setenv(variable, value)
    bootstrap.reset()
    refused = http.post("/api/onboarding/api-keys", user=USER, json={"provider": "openai", "api_key": "k" * 20})
    problem = _is_problem(refused, 503)
    assert int(refused.headers["Retry-After"]) > 0
    assert "hunter2" not in refused.text + caplog.text
    assert variable not in problem["detail"]
    assert variable in caplog.text or "OperationalError" in caplog.text


def test_503_where_the_schema_is_older_than_the_code(
    http: Client, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that was never migrated; health says so too."""
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    bootstrap.reset()
    refused = http.get("/api/onboarding/init", user=USER)
    _is_problem(refused, 503)
    assert refused.headers["Retry-After"]
    health = http.get("/api/health")
    assert (health.status, health.json()["status"], health.json()["schema_revision"]) == (503, "unavailable", None)


def test_500_shows_nothing_of_what_went_wrong(
    http: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault of ours: a bare problem to the caller, the traceback without the values to the log."""
    from lib.db import sessions  # not at the top: the application is loaded with its environment

    value = "hunter" + str(2)

    def fail(*_: object) -> None:
        raise ZeroDivisionError(value)

    monkeypatch.setattr(sessions, "load", fail)
    refused = http.get("/api/onboarding/init", user=USER)
    _is_problem(refused, 500)
    assert "ZeroDivisionError" in caplog.text
    assert "in fail" in caplog.text
    assert "hunter2" not in refused.text + caplog.text
