"""Odd requests and odd answers of the AI backend: passed on as they are or refused, never a crash or a dead end."""

from __future__ import annotations

import gzip
import json
import logging
import socket
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dev.harness.client import Client
from dev.harness.waiting import wait_until
from lib import ai_backend as client_of_backend
from lib import bootstrap
from lib.http.endpoints import relay
from tests.support.ai_backend import ANSWERS, COMPETITORS, PERSONA, SITEMAP, StubBackend, Told
from tests.support.page import API, URL, read

USER, OTHER = "user_2odd", "user_2patient"
DISCOVER, SITE_MAP, GENERATE = (
    f"{API}/step3/discover-competitors",
    f"{API}/step3/analyze-sitemap",
    f"{API}/step4/generate-personas",
)
JSON = {"Content-Type": "application/json"}
UTF_8_AS_BYTES = 'attachment; filename="日本.pdf"'.encode().decode("latin-1")


@pytest.fixture(autouse=True)
def origin(ai_backend: StubBackend, monkeypatch: pytest.MonkeyPatch) -> str:
    """An origin whose pages may call."""
    monkeypatch.setenv("ALLOWED_ORIGINS", "https://app.example.com")
    bootstrap.reset()
    return "https://app.example.com"


@pytest.mark.parametrize("name", ["Content-Type", "Content-Disposition", "Location", "Retry-After"])
@pytest.mark.parametrize(
    ("value", "expected"),
    [(UTF_8_AS_BYTES, UTF_8_AS_BYTES), ("caf\xe9", "caf\xe9"), ("a\x01b", None)],
    ids=["utf-8", "latin-1", "control"],
)
def test_a_header_beyond_ascii_comes_back_byte_for_byte(
    http: Client, ai_backend: StubBackend, origin: str, name: str, value: str, expected: str | None
) -> None:
    """With our CORS headers; one that no server may send is left out, and the answer stays."""
    ai_backend.answers["GET /api/x"] = Told(headers={name: value}, body=b"%PDF")
    response = http.get("/api/x", user=USER, headers={"Origin": origin})
    assert (response.status, response.body) == (200, b"%PDF")
    assert response.headers["Access-Control-Allow-Origin"] == origin
    left_out = "application/octet-stream" if name == "Content-Type" else None
    assert response.headers[name] == (expected or left_out)


@pytest.mark.parametrize("name", ["Accept-Language", "Accept", "Content-Type", "Via"])
def test_a_request_header_beyond_ascii_is_sent_on_byte_for_byte(
    http: Client, ai_backend: StubBackend, name: str
) -> None:
    """Whatever language the person reads."""
    ai_backend.answers["POST /api/x"] = Told()
    response = http.post("/api/x", user=USER, body=b"{}", headers={name: "d\xe9"})
    assert response.status == 200
    assert ai_backend.asked[0].headers[name.lower()].startswith("d\xe9")


def test_of_a_header_that_comes_twice_the_last_counts(http: Client, ai_backend: StubBackend) -> None:
    """Two types in one header are none."""
    told = Told(headers={"Content-Type": "text/html"}, more_headers=[("Content-Type", "application/json")])
    ai_backend.answers["GET /api/x"] = told
    assert http.get("/api/x", user=USER).headers["Content-Type"] == "application/json"


def test_the_path_goes_out_exactly_as_it_came(http: Client, ai_backend: StubBackend) -> None:
    """Nothing is encoded, decoded or normalised on the way."""
    target = "/api/a%7eb|c\"[d]{e}^`%e2%98%83/?q=%7e|<>'"
    http.get(target, user=USER)
    assert [asked.target for asked in ai_backend.asked] == [target]


def test_a_via_that_only_looks_like_ours_is_no_loop(http: Client, ai_backend: StubBackend) -> None:
    """The whole entry counts."""
    for via, status in (("1.1 onboarding-other", 404), ("1.1 a, 1.1 Onboarding", 502)):
        assert http.get("/api/x", user=USER, headers={"Via": via}).status == status


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("{url}/base/api/x/?q=1#f", "/api/x/?q=1#f"),
        ("{url}/base", "/"),
        ("//{host}/base/api/x/", "/api/x/"),
        ("https://{host}/base/api/x/", "/api/x/"),
        ("/base/api/x/", "/api/x/"),
        ("{url}/elsewhere", "{url}/elsewhere"),
        ("{url}/based", "{url}/based"),
        ("{url}/base//evil.example.com", "{url}/base//evil.example.com"),
        ("https://other.example.com/base/x", "https://other.example.com/base/x"),
        ("http://user@{host}/base/x", "http://user@{host}/base/x"),
        ("http://[", "http://["),
        ("x/", "x/"),
    ],
)
def test_a_redirect_below_the_ai_backend_comes_back_here(
    http: Client, ai_backend: StubBackend, monkeypatch: pytest.MonkeyPatch, location: str, expected: str
) -> None:
    """The page may call this address alone. Any other redirect is passed on as it is, and none is followed."""
    monkeypatch.setenv("AI_BACKEND_URL", f"{ai_backend.url}/base")
    bootstrap.reset()
    names = {"url": ai_backend.url, "host": ai_backend.url.removeprefix("http://")}
    ai_backend.answers["GET /base/api/x"] = Told(status=307, headers={"Location": location.format(**names)})
    response = http.get("/api/x", user=USER)
    assert (response.status, response.headers["Location"]) == (307, expected.format(**names))
    assert len(ai_backend.asked) == 1


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        ("GZIP", gzip.compress),
        ("gzip", lambda body: gzip.compress(body[:5]) + gzip.compress(body[5:])),
        ("Deflate", zlib.compress),
        ("deflate", lambda body: zlib.compress(body, wbits=-15)),
        ("identity, gzip", gzip.compress),
        ("", bytes),
    ],
)
def test_an_encoding_is_undone(http: Client, ai_backend: StubBackend, encoding: str, encode: Any) -> None:
    """Whatever the case of its name; names are compared without."""
    ai_backend.answers["GET /api/x"] = Told(headers={"Content-Encoding": encoding}, body=encode(b'{"bread": 1}'))
    response = http.get("/api/x", user=USER)
    assert (response.status, response.body) == (200, b'{"bread": 1}')


@pytest.mark.parametrize(
    "told",
    [
        Told(headers={"Content-Encoding": "gzip"}, body=gzip.compress(b"x" * 1000)[:-9]),
        Told(headers={"Content-Encoding": "gzip"}, body=gzip.compress(b"x" * 1000)[:-1]),
        Told(headers={"Content-Encoding": "gzip"}, body=gzip.compress(b"x" * 5_000_000)),
        Told(headers={"Content-Encoding": "gzip"}, body=b"plain"),
        Told(status=600),
        Told(status=999),
    ],
    ids=["truncated", "no checksum", "bomb", "not gzip", "600", "999"],
)
def test_an_answer_that_is_broken_is_a_502(http: Client, ai_backend: StubBackend, told: Told) -> None:
    """Half an answer is never passed off as a whole one, and no status is made up."""
    ai_backend.answers["GET /api/x"] = told
    response = http.get("/api/x", user=USER)
    assert (response.status, response.headers["Content-Type"]) == (502, "application/problem+json")


def test_a_byte_order_mark_is_no_reason_to_lose_an_answer(http: Client, ai_backend: StubBackend) -> None:
    """Some servers begin their JSON with one."""
    body = b"\xef\xbb\xbf" + json.dumps(PERSONA).encode()
    ai_backend.answers[f"POST {GENERATE}"] = Told(headers=JSON, body=body)
    assert http.post(GENERATE, user=USER, json={}).status == 200
    assert read(http, USER, "step4/persona-latest")["persona"]["core_persona"] == PERSONA["core_persona"]


def nested(levels: int, innermost: str = "1") -> bytes:
    """JSON of a successful answer whose competitors are nested so that it has as many levels."""
    inside = '{"a":' * (levels - 2) + innermost + "}" * (levels - 2)
    return f'{{"success": true, "competitors": [{inside}]}}'.encode()


@pytest.mark.parametrize(("levels", "status"), [(62, 200), (63, 502), (65, 502), (990, 502)])
def test_what_is_stored_can_be_sent_back(http: Client, ai_backend: StubBackend, levels: int, status: int) -> None:
    """64 levels are what a request may have, and the page puts what it got inside two more; a NUL changes nothing."""
    ai_backend.answers[f"POST {DISCOVER}"] = Told(headers=JSON, body=nested(levels, '"\\u0000"'))
    response = http.post(DISCOVER, user=USER, json=URL)
    assert response.status == status
    if status == 200:
        found = {"competitors": response.json()["competitors"], "sitemapAnalysis": {}}
        assert http.post(f"{API}/step/3/complete", user=USER, json={"data": found}).status == 200
    else:
        assert read(http, USER, "step/3")["draft"] is None


def test_a_query_is_not_logged(http: Client, ai_backend: StubBackend, caplog: pytest.LogCaptureFixture) -> None:
    """It may hold a code that signs somebody in."""
    caplog.set_level(logging.INFO)
    http.get("/api/callback?code=SECRET", user=USER)
    assert "SECRET" not in caplog.text
    assert not [name for name in ("httpx", "httpcore") if logging.getLogger(name).isEnabledFor(logging.INFO)]


def test_a_name_that_is_never_resolved_is_a_504(http: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time to connect includes looking up the host; the answer does not wait for the thread that still does."""
    monkeypatch.setattr(client_of_backend, "CONNECT_TIMEOUT_S", 0.5)
    resolve, release, returned = socket.getaddrinfo, threading.Event(), threading.Event()

    def hanging(host: Any, *rest: Any, **options: Any) -> Any:
        if host not in ("slow.example.com", b"slow.example.com"):
            return resolve(host, *rest, **options)
        release.wait(30)
        returned.set()
        raise socket.gaierror("nobody")

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    monkeypatch.setenv("AI_BACKEND_URL", "http://slow.example.com")
    bootstrap.reset()
    try:
        assert http.get("/api/x", user=USER).status == 504
        assert not returned.is_set()
    finally:
        release.set()
        assert returned.wait(30)


def test_hanging_requests_of_one_user_leave_room_for_others(http: Client, ai_backend: StubBackend) -> None:
    """Beyond eight at once the user is told to try again; the health and other users are served all the while."""
    release = threading.Event()
    ai_backend.answers["GET /api/slow"] = Told(before=lambda: release.wait(60))
    ai_backend.answers["GET /api/quick"] = Told()
    with ThreadPoolExecutor(relay.MOST_AT_ONCE) as pool:
        try:
            slow = [pool.submit(http.get, "/api/slow", user=USER) for _ in range(relay.MOST_AT_ONCE)]
            wait_until(lambda: len(ai_backend.asked) == relay.MOST_AT_ONCE)
            refused = http.get("/api/quick", user=USER)
            assert (refused.status, refused.headers["Retry-After"]) == (429, "1")
            assert http.get("/api/quick", user=OTHER).status == 200
            assert http.get("/health").status == 200
        finally:
            release.set()
        assert {one.result().status for one in slow} == {200}
    assert http.get("/api/quick", user=USER).status == 200


def test_options_is_answered_here(http: Client, ai_backend: StubBackend) -> None:
    """With the methods that are relayed, to anybody, and the AI backend hears nothing."""
    response = http.request("OPTIONS", "/gsc/status")
    assert response.status == 200
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
    assert ai_backend.asked == []


def edited(http: Client, name: str) -> dict[str, Any]:
    """The persona after the person has given it a name."""
    core = {"identity": {"persona_name": name}}
    assert http.post(f"{API}/step4/persona-save", user=USER, json={"core_persona": core}).status == 200
    return core


def stored_core(http: Client) -> Any:
    return read(http, USER, "step4/persona-latest")["persona"]["core_persona"]


def poll(http: Client, ai_backend: StubBackend, task: str, result: Any = PERSONA) -> int:
    path = f"{API}/step4/persona-task/{task}"
    told = Told.json({"task_id": task, "status": "completed", "result": result})
    ai_backend.answers |= {f"GET {path}": told, f"GET {path}/": told}
    return http.get(path, user=USER).status


@pytest.mark.parametrize("again", ["a", "a/", "%61"])
def test_no_task_is_ever_stored_twice(http: Client, ai_backend: StubBackend, again: str) -> None:
    """However its URL is written, and whatever was stored in between: an edit that is newer stays."""
    poll(http, ai_backend, "a")
    assert stored_core(http) == PERSONA["core_persona"]
    mine = edited(http, "Mine")
    poll(http, ai_backend, again)
    assert stored_core(http) == mine
    for other in ("b", "c"):
        poll(http, ai_backend, other)
        assert stored_core(http) == PERSONA["core_persona"]
        mine = edited(http, f"Mine after {other}")
        for known in ("a", again, "b"):
            poll(http, ai_backend, known)
            assert stored_core(http) == mine


def test_a_task_that_the_release_before_stored_is_remembered(
    http: Client, ai_backend: StubBackend, database: Any
) -> None:
    """It kept the last task alone, beside the persona."""
    poll(http, ai_backend, "a")
    database.execute("UPDATE persona_data SET stored_tasks = NULL")
    mine = edited(http, "Mine")
    poll(http, ai_backend, "a")
    assert stored_core(http) == mine


@pytest.mark.parametrize(
    "result",
    [
        {**PERSONA, "success": False},
        {**PERSONA, "core_persona": {"error": "no credit"}},
        {**PERSONA, "core_persona": {"identity": "none"}},
        {**PERSONA, "core_persona": "none"},
        {"success": False, "error": "no credit"},
    ],
)
def test_a_task_that_failed_replaces_nothing(http: Client, ai_backend: StubBackend, result: Any) -> None:
    """The AI backend says so inside the result; only what step 4 would take is a persona."""
    mine = edited(http, "Mine")
    assert poll(http, ai_backend, "failed", result) == 200
    assert stored_core(http) == mine


def test_competitors_and_sitemap_are_one_mebibyte_together(http: Client, ai_backend: StubBackend) -> None:
    """The largest part is left out where both do not fit, the page gets both, and what is kept can be saved."""
    large = "x" * 700_000
    ai_backend.answers[f"POST {DISCOVER}"] = Told.json({**COMPETITORS, "competitors": [large]})
    ai_backend.answers[f"POST {SITE_MAP}"] = Told.json({**SITEMAP, "pages": [large, "and more"]})
    for path in (DISCOVER, SITE_MAP):
        response = http.post(path, user=USER, json=URL)
        assert (response.status, large in response.text) == (200, True)
    draft = read(http, USER, "step/3")["draft"]["data"]
    assert draft["competitors"] == [large]
    assert draft["researchSummary"] == COMPETITORS["research_summary"]
    assert "sitemapAnalysis" not in draft
    assert http.post(f"{API}/step/3/complete", user=USER, json={"data": draft}).status == 200


@pytest.mark.parametrize("field", ["style_guidelines", "crawl_result", "style_patterns"])
def test_a_large_part_of_an_analysis_is_left_out(http: Client, ai_backend: StubBackend, field: str) -> None:
    """3 MB of one field: the rest is stored, and the page gets all of it."""
    path = f"{API}/style-detection/complete"
    analysis = {**ANSWERS[f"POST {path}"], field: {"x": "x" * 3_000_000}}
    ai_backend.answers[f"POST {path}"] = Told.json(analysis)
    assert http.post(path, user=USER, json=URL).json() == analysis
    step = read(http, USER, "step/2")
    assert step["status"] == "completed"
    assert len(json.dumps(step["data"])) < 1024 * 1024


def test_a_generated_persona_stays_one_that_can_be_shown(http: Client, ai_backend: StubBackend) -> None:
    """3 MiB in all: what was stored before gives way, what was generated is kept."""
    large = "x" * 1_000_000
    core = {"identity": {"about": large}}
    for fields in ({"core_persona": core}, {"platform_personas": {"x": large}}, {"quality_metrics": {"x": large}}):
        assert http.post(f"{API}/step4/persona-save", user=USER, json=fields).status == 200
    generated = {"success": True, "core_persona": {"identity": {}}, "selected_platforms": [large]}
    assert poll(http, ai_backend, "small", generated) == 200
    shown = read(http, USER, "step4/persona-latest")["persona"]
    assert (shown["core_persona"], shown["platform_personas"]["x"]) == ({"identity": {}}, large)
    generated = {"success": True, "core_persona": {"identity": {"new": "y" * 1_040_000}}}
    assert poll(http, ai_backend, "large", generated) == 200
    shown = read(http, USER, "step4/persona-latest")["persona"]
    assert (shown["core_persona"], shown["platform_personas"]) == (generated["core_persona"], None)
