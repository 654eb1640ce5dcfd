"""Requests for the AI backend: what is sent on, what comes back, what is stored on the way, and what is refused."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from dev.harness.client import Client
from lib import ai_backend as client_of_backend
from lib import bootstrap
from tests.support.ai_backend import ANALYSIS, ANSWERS, COMPETITORS, PERSONA, TASK, StubBackend, Told
from tests.support.page import API, SITE, URL, read

USER, OTHER = "user_2relayed", "user_2other"
ANALYSE, GENERATE, POLL = (
    f"{API}/style-detection/complete",
    f"{API}/step4/generate-personas",
    f"{API}/step4/persona-task/task-1",
)
DISCOVER = f"{API}/step3/discover-competitors"
GENERATING = [tuple(request.split(" ", 1)) for request in ANSWERS if "async" not in request]


@pytest.fixture
def origin(ai_backend: StubBackend, monkeypatch: pytest.MonkeyPatch) -> str:
    """An origin whose pages may call."""
    monkeypatch.setenv("ALLOWED_ORIGINS", "https://app.example.com")
    bootstrap.reset()
    return "https://app.example.com"


def use(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("AI_BACKEND_URL", url)
    bootstrap.reset()


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "path", ["/api/content/ideas", "/gsc/status", f"{API}/style-detection/analyze", f"{API}/step/2/x"]
)
def test_whatever_no_function_owns_is_sent_on(http: Client, ai_backend: StubBackend, method: str, path: str) -> None:
    """Method, path, query, body, content type and token arrive as they were sent; status, type and body come back."""
    answer = Told(status=418, headers={"Content-Type": "text/x-tea; charset=utf-8"}, body="Darjeeling ☕".encode())
    ai_backend.answers[f"{method} {path}"] = answer
    body = None if method == "GET" else b"\x00binary\xff"
    sent = {"Content-Type": "application/octet-stream", "X-Request-Id": "tea-1"}
    response = http.request(method, f"{path}?b=1&a=%20%2F&a=2", user=USER, body=body, headers=sent)
    assert (response.status, response.body) == (418, answer.body)
    assert response.headers["Content-Type"] == "text/x-tea; charset=utf-8"
    assert response.headers["Cache-Control"] == "private, no-store"
    (asked,) = ai_backend.asked
    assert (asked.method, asked.target, asked.body) == (method, f"{path}?b=1&a=%20%2F&a=2", body or b"")
    assert asked.headers["authorization"].startswith("Bearer ey")
    assert asked.headers["x-request-id"] == "tea-1"
    assert asked.headers.get("content-type") == "application/octet-stream"


def test_nothing_of_ours_is_sent_on(http: Client, ai_backend: StubBackend) -> None:
    """No cookie, no header of the connection, none of the platform's: a short list of names is all that goes."""
    dangerous = {
        "Cookie": "__session=secret",
        "Connection": "keep-alive, X-Private",
        "X-Private": "1",
        "Proxy-Authorization": "Basic eDp5",
        "TE": "trailers",
        "Upgrade": "h2c",
        "X-Forwarded-Host": "evil.example.com",
        "X-Vercel-Oidc-Token": "secret",
        "Host": "evil.example.com",
    }
    assert http.get("/api/anything", user=USER, headers=dangerous).status == 404
    (asked,) = ai_backend.asked
    names = {"host", "authorization", "accept", "accept-encoding", "user-agent", "connection", "via", "x-request-id"}
    assert set(asked.headers) <= names
    assert asked.headers["host"] == ai_backend.url.removeprefix("http://")


def test_cookies_of_the_ai_backend_do_not_come_back(http: Client, ai_backend: StubBackend) -> None:
    """Nor any other header beside the body's type, a redirect's target and when to retry."""
    headers = {"Set-Cookie": "a=b", "X-Powered-By": "magic", "Retry-After": "7", "Access-Control-Allow-Origin": "*"}
    ai_backend.answers["GET /api/x"] = Told(status=429, headers=headers)
    response = http.get("/api/x", user=USER)
    assert (response.status, response.headers["Retry-After"]) == (429, "7")
    assert not {"Set-Cookie", "X-Powered-By", "Access-Control-Allow-Origin"} & set(response.headers)


def test_the_answers_carry_our_cors_headers(http: Client, ai_backend: StubBackend, origin: str) -> None:
    """On success, on the AI backend's own errors and on ours, and a preflight is answered here."""
    for path, user, status in (("/api/x", USER, 404), (POLL, USER, 200), ("/api/x", None, 401)):
        response = http.get(path, user=user, headers={"Origin": origin})
        assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (status, origin)
    asked = len(ai_backend.asked)
    preflight = {"Origin": origin, "Access-Control-Request-Method": "PATCH"}
    response = http.request("OPTIONS", "/gsc/status", headers=preflight)
    assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (204, origin)
    assert "PATCH" in response.headers["Access-Control-Allow-Methods"]
    assert len(ai_backend.asked) == asked


@pytest.mark.parametrize("path", ["/api/x", "/gsc/status", POLL])
def test_nothing_is_sent_on_without_a_good_token(http: Client, ai_backend: StubBackend, path: str) -> None:
    """No token, a broken one, another scheme: a 401, and the AI backend hears nothing."""
    for authorization in (None, "Bearer x.y.z", "Basic eDp5", f"Token {http.sign(USER)}"):
        response = http.get(path, headers={} if authorization is None else {"Authorization": authorization})
        assert (response.status, response.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert ai_backend.asked == []


@pytest.mark.parametrize("path", ["/api/x", "/gsc/status", "/wp/status", ANALYSE, "/onboarding/nothing"])
def test_without_an_ai_backend_there_is_nothing(http: Client, path: str) -> None:
    """A 404 problem, with a token or without."""
    for user in (None, USER):
        response = http.post(path, user=user, json=URL)
        assert (response.status, response.headers["Content-Type"]) == (404, "application/problem+json")


@pytest.mark.parametrize(
    "path",
    [
        "/api/../admin",
        "/api/%2e%2e/admin",
        "/api/.%2E/admin",
        "/api/%252e%252e/admin",
        "/api/x%2fadmin",
        "/api/x%2Fadmin",
        "/api/x%252Fadmin",
        "/api/x%5cadmin",
        "/api/x\\admin",
        "/x//evil.example.com/api",
        "/api//admin",
        "/api/a..b",
        "/@evil.example.com/%2f",
        "/api/onboarding/./api-keys/onboarding",
        "/api/%2e/admin",
        "/api/%252E/admin",
        "/api/.;x=1/admin",
        "/api/x/.",
        "/api/a%25%32%66b",
        "/api/a%2%66b",
        "/api/a%%32%66b",
        "/api/a%25%35%63b",
        "/api/a%2500",
        "/api/%25c0%25ae/admin",
        "/api/a" + "%25" * 20 + "2525252525252525252525",
        "/x#f",
        "/x?a#f",
    ],
)
def test_a_path_with_two_readings_is_not_sent_on(http: Client, ai_backend: StubBackend, path: str) -> None:
    """Another server might take it for another path, or another host: a 404 problem."""
    response = http.get(path, user=USER)
    assert (response.status, response.headers["Content-Type"]) == (404, "application/problem+json")
    assert ai_backend.asked == []


def test_a_path_with_a_nul_is_not_sent_on(http: Client, ai_backend: StubBackend) -> None:
    """No text is meant: a 400 problem."""
    response = http.get("/api/x%00", user=USER)
    assert (response.status, response.headers["Content-Type"]) == (400, "application/problem+json")
    assert ai_backend.asked == []


@pytest.mark.parametrize(
    "path", ["/@evil.example.com", "/:80@evil.example.com/x", "/api/http:%3A", "/a;b=c/x", "/?x=http://evil"]
)
def test_no_path_leads_to_another_host(http: Client, ai_backend: StubBackend, path: str) -> None:
    """The host is the configured one, whatever is asked for."""
    assert http.get(f"/x{path}", user=USER).status == 404
    assert [asked.target for asked in ai_backend.asked] == [f"/x{path}"]


def test_the_path_of_the_address_comes_first(
    http: Client, ai_backend: StubBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`AI_BACKEND_URL` may have a path, with or without a slash at its end."""
    for base in ("/base", "/base/"):
        use(monkeypatch, ai_backend.url + base)
        http.get("/api/x?y=1", user=USER)
    assert [asked.target for asked in ai_backend.asked] == ["/base/api/x?y=1"] * 2


@pytest.mark.parametrize(
    "url",
    [
        "x",
        "ai.example.com",
        "ftp://a.example.com",
        "https://",
        "https://user:pass@a.example.com",
        "https://a/?b",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:0",
        "http://a..example.com",
        f"http://{'a' * 64}.example.com",
        "http://[::1",
    ],
)
def test_an_unusable_address_is_a_503_that_the_log_names(
    http: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, url: str
) -> None:
    """Set and unusable never means unset."""
    use(monkeypatch, url)
    assert http.get("/api/x", user=USER).status == 503
    assert "AI_BACKEND_URL" in caplog.text


def test_a_redirect_is_passed_on_and_never_followed(http: Client, ai_backend: StubBackend) -> None:
    """Following it would carry the token to wherever it leads."""
    for status in (301, 302, 303, 307, 308):
        headers = {"Location": "https://elsewhere.example.com/x"}
        ai_backend.answers["GET /api/x"] = Told(status=status, headers=headers)
        response = http.get("/api/x", user=USER)
        assert (response.status, response.headers["Location"]) == (status, headers["Location"])
    assert {asked.target for asked in ai_backend.asked} == {"/api/x"}


def test_an_address_that_leads_back_here_ends(
    http: Client, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second time round the request is refused, so that no instance calls itself for ever."""
    use(monkeypatch, http.url)
    response = http.get("/api/x", user=USER)
    assert (response.status, response.headers["Content-Type"]) == (502, "application/problem+json")


def test_a_refused_connection_is_a_502(http: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens there."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    use(monkeypatch, f"http://127.0.0.1:{port}")
    assert http.post(ANALYSE, user=USER, json=URL).status == 502
    assert read(http, USER, "website-analysis") is None


@pytest.mark.parametrize(("method", "path"), GENERATING)
@pytest.mark.parametrize(
    "told",
    [
        Told.json(ANALYSIS, cut_after=20),
        Told(headers={"Content-Type": "application/json"}, body=b'{"success": true, "style_analysis": {'),
        Told(headers={"Content-Type": "text/html"}, body=b"<html>gateway error</html>"),
        Told(body=b"[]"),
        Told(body=b""),
        Told(body=b'{"success": true, "status": "completed", "x": NaN}'),
        Told(body=b'{"success": true, "x": "' + b"x" * 5_000_000 + b'"}'),
        Told(headers={"Content-Encoding": "br"}, body=b"\x0b\x02\x80{}\x03"),
    ],
    ids=["cut", "half", "html", "list", "empty", "nan", "5 MB", "brotli"],
)
def test_an_answer_that_cannot_be_stored_is_a_502(
    http: Client, ai_backend: StubBackend, method: str, path: str, told: Told
) -> None:
    """The page is never told of a success whose data is not there."""
    ai_backend.answers[f"{method} {path}"] = told
    response = http.request(method, path, user=USER, json=URL)
    assert (response.status, response.headers["Content-Type"]) == (502, "application/problem+json")
    assert read(http, USER, "progress")["completion_percentage"] == 0.0
    assert read(http, USER, "website-analysis") is None


def test_a_large_answer_that_is_not_stored_has_the_same_limit(http: Client, ai_backend: StubBackend) -> None:
    """4 MiB pass, one byte more does not."""
    for size, status in ((4 * 1024 * 1024, 200), (4 * 1024 * 1024 + 1, 502)):
        ai_backend.answers["GET /api/x"] = Told(body=b"x" * size)
        assert http.get("/api/x", user=USER).status == status


def test_an_answer_that_takes_too_long_is_a_504(
    http: Client, ai_backend: StubBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However it is slow: before the answer, or dripping it byte by byte. The limits are shortened here."""
    monkeypatch.setattr(client_of_backend, "TIME_LIMIT_S", 0.5)
    release = threading.Event()
    ai_backend.answers["GET /api/x"] = Told(before=release.wait)
    assert http.get("/api/x", user=USER).status == 504
    release.set()
    with dripping() as url:
        use(monkeypatch, url)
        started = time.monotonic()
        assert http.get("/api/x", user=USER).status == 504
        assert time.monotonic() - started < 10  # the dripping takes 60 seconds


def test_an_ai_backend_that_accepts_no_connection_is_a_504(http: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its host swallows packets: the time to connect has a limit of its own, shortened here."""
    monkeypatch.setattr(client_of_backend, "CONNECT_TIMEOUT_S", 0.5)
    with closing(socket.socket()) as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        use(monkeypatch, f"http://127.0.0.1:{address[1]}")
        assert http.get("/api/x", user=USER).status == 504
        for one in waiting:
            one.close()


def test_an_analysis_is_stored_whole(http: Client, ai_backend: StubBackend) -> None:
    """It is the current one, finishes step 2, and what the page gets is what the AI backend sent."""
    response = http.post(ANALYSE, user=USER, json=URL)
    assert response.json() == ANALYSIS
    analysis = read(http, USER, "website-analysis")
    assert analysis["website_url"] == SITE
    assert analysis["style_analysis"]["brand_analysis"] == {"brand_voice": "Honest"}
    assert analysis["style_patterns"] == ANALYSIS["style_patterns"]
    assert analysis["seo_audit"] == {"score": 71}
    whole = read(http, USER, f"style-detection/analysis/{analysis['analysis_id']}")["analysis"]
    assert whole["warning_message"] == "Only the first page was read."
    step = read(http, USER, "step/2")
    assert (step["status"], step["data"]["website"], step["data"]["domainName"]) == (
        "completed",
        SITE,
        "bakery.example.com",
    )
    assert read(http, USER, "status")["current_step"] == 3
    assert read(http, OTHER, "website-analysis") is None


def test_what_was_crawled_is_left_out_where_it_is_too_large(http: Client, ai_backend: StubBackend) -> None:
    """The rest is stored, and the page gets all of it."""
    large = {**ANALYSIS, "crawl_result": {"content": "x" * 1024 * 1024}}
    ai_backend.answers[f"POST {ANALYSE}"] = Told.json(large)
    assert http.post(ANALYSE, user=USER, json=URL).json() == large
    analysis = read(http, USER, "website-analysis")
    assert (analysis["crawl_result"], analysis["style_patterns"]) == (None, ANALYSIS["style_patterns"])


def test_an_analysis_that_failed_is_passed_on_and_not_stored(http: Client, ai_backend: StubBackend) -> None:
    """`success: false` is the AI backend's own way to say so, with a 200."""
    for path, method in ((ANALYSE, "POST"), (DISCOVER, "POST"), (GENERATE, "POST")):
        failed = {"success": False, "error": "the website blocks robots"}
        ai_backend.answers[f"{method} {path}"] = Told.json(failed)
        assert http.post(path, user=USER, json=URL).json() == failed
    progress = read(http, USER, "progress")
    assert {step["status"] for step in progress["steps"]} == {"pending"}


@pytest.mark.parametrize("url", [None, "", "ftp://x", "bakery", 7, "https://"])
def test_a_website_that_could_not_be_stored_is_not_analysed(http: Client, ai_backend: StubBackend, url: object) -> None:
    """A 422 before the AI backend works for it, which names the field."""
    response = http.post(ANALYSE, user=USER, json={"url": url})
    assert (response.status, response.json()["errors"][0]["field"]) == (422, "url")
    assert ai_backend.asked == []


def test_a_website_analysed_again_is_replaced(http: Client, ai_backend: StubBackend) -> None:
    """A URL that is stored already still goes to the AI backend; there is one analysis of it."""
    http.post(ANALYSE, user=USER, json=URL)
    ai_backend.answers[f"POST {ANALYSE}"] = Told.json({**ANALYSIS, "style_patterns": {"new": True}})
    http.post(ANALYSE, user=USER, json=URL)
    analyses = read(http, USER, "style-detection/session-analyses")["analyses"]
    assert [analysis["style_patterns"] for analysis in analyses] == [{"new": True}]
    assert len(ai_backend.asked) == 2


def test_characters_that_cannot_be_stored_are_replaced(http: Client, ai_backend: StubBackend) -> None:
    """NUL and a lone surrogate become U+FFFD in what is stored and in what the page gets, since it sends that back."""
    odd = json.dumps({**PERSONA, "core_persona": {"identity": {"na\0me": "a\0b", "x": "EMOJI"}}})
    odd = odd.replace("EMOJI", "\\ud83d")
    ai_backend.answers[f"POST {GENERATE}"] = Told(headers={"Content-Type": "application/json"}, body=odd.encode())
    got = http.post(GENERATE, user=USER, json={}).json()
    stored = read(http, USER, "step4/persona-latest")["persona"]
    assert stored["core_persona"]["identity"] == {"na\ufffdme": "a\ufffdb", "x": "\ufffd"}
    assert got["core_persona"] == stored["core_persona"]
    sent_back = {"corePersona": got["core_persona"], "platformPersonas": got["platform_personas"]}
    assert http.post(f"{API}/step/4/complete", user=USER, json={"data": sent_back}).status == 200


def test_found_competitors_and_the_sitemap_are_one_draft(http: Client, ai_backend: StubBackend) -> None:
    """In the names of step 3's payload; the second does not take the first's place, and completing clears both."""
    http.post(DISCOVER, user=USER, json=URL)
    http.post(f"{API}/step3/analyze-sitemap", user=USER, json=URL)
    step = read(http, USER, "step/3")
    assert (step["status"], step["data"]) == ("in_progress", None)
    assert step["draft"]["data"]["researchSummary"] == COMPETITORS["research_summary"]
    assert set(step["draft"]["data"]) >= {"competitors", "userUrl", "industryContext", "sitemapAnalysis"}
    http.post(f"{API}/step/3/complete", user=USER, json={"data": {"competitors": []}})
    assert read(http, USER, "step/3")["draft"] is None


def test_a_persona_is_stored_once_its_task_is_done(http: Client, ai_backend: StubBackend) -> None:
    """Not before, and not again over what the person edited since, however often the page asks."""
    ai_backend.answers[f"GET {POLL}"] = Told.json({**TASK, "status": "running", "result": None})
    assert http.get(POLL, user=USER).json()["status"] == "running"
    assert http.get(f"{API}/step4/persona-latest", user=USER).status == 404
    ai_backend.answers[f"GET {POLL}"] = Told.json(TASK)
    http.get(POLL, user=USER)
    assert read(http, USER, "step4/persona-latest")["persona"]["core_persona"] == PERSONA["core_persona"]
    edited = {"corePersona": {"identity": {"persona_name": "Mine"}}, "platformPersonas": {"x": {}}}
    assert http.post(f"{API}/step/4/complete", user=USER, json={"data": edited}).status == 200
    http.get(POLL, user=USER)
    assert read(http, USER, "step4/persona-latest")["persona"]["core_persona"] == edited["corePersona"]
    http.get(f"{POLL}/", user=USER)
    assert read(http, USER, "step4/persona-latest")["persona"]["core_persona"] == edited["corePersona"]
    again = f"{API}/step4/persona-task/task-2"
    ai_backend.answers[f"GET {again}"] = Told.json({**TASK, "task_id": "task-2"})
    http.get(again, user=USER)
    assert read(http, USER, "step4/persona-latest")["persona"]["core_persona"] == PERSONA["core_persona"]


def test_what_is_generated_is_the_callers_alone(http: Client, ai_backend: StubBackend) -> None:
    """Whoever the body or the answer names."""
    ai_backend.answers[f"POST {GENERATE}"] = Told.json({**PERSONA, "user_id": OTHER})
    http.post(GENERATE, user=USER, json={"user_id": OTHER})
    assert http.get(f"{API}/step4/persona-latest", user=OTHER).status == 404
    assert http.get(f"{API}/step4/persona-latest", user=USER).status == 200


@pytest.mark.parametrize(("method", "path"), GENERATING)
def test_no_success_while_the_database_is_away(
    http: Client, ai_backend: StubBackend, monkeypatch: pytest.MonkeyPatch, method: str, path: str
) -> None:
    """The 503 of any write: the page asks again, and is not shown what is not kept."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nowhere")
    bootstrap.reset()
    response = http.request(method, path, user=USER, json=URL)
    assert (response.status, response.headers["Retry-After"]) == (503, "5")


def test_a_body_over_4_mib_is_not_sent_on(http: Client, ai_backend: StubBackend) -> None:
    """413, as for every other request."""
    assert http.post("/api/x", user=USER, body=b"x" * (4 * 1024 * 1024 + 1)).status == 413
    assert ai_backend.asked == []


@contextmanager
def dripping() -> Iterator[str]:
    """A server that sends a byte of its answer every 50 ms, for a minute."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        stop = threading.Event()

        def drip() -> None:
            connection, _ = listening.accept()
            with closing(connection):
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1200\r\n\r\n")
                while not stop.wait(0.05):
                    try:
                        connection.sendall(b"x")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            stop.set()
            thread.join()
