from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest

from dev.harness.client import Client
from dev.harness.http_server import make_server
from lib.config import settings
from serving.wsgi import LARGEST_BODY_KEPT, CombinedApp, UnreadableBodyError, raw_target, read_body
from tests.support.project import make_project


@pytest.fixture
def echo(tmp_path: Path) -> Iterator[Client]:
    """A served project with the functions /api/a and /api/b."""
    rewrites = {"/api/files/:path*": "/api/b"}
    project = make_project(tmp_path / "project", functions=("api/a", "api/b"), rewrites=rewrites)
    with make_server(CombinedApp(project)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield Client("127.0.0.1", server.server_port, str)
        server.shutdown()
        thread.join()


def test_a_function_sees_the_original_raw_path_after_a_rewrite(echo: Client) -> None:
    """As on Vercel: %2F in a segment stays one segment, and the parameters stand in the query string."""
    seen = echo.get("/api/files/https%3A%2F%2Fexample.com%2Fa?x=1").json()
    assert seen["function"] == "api.b"
    assert seen["PATH_INFO"] == "/api/files/https%3A%2F%2Fexample.com%2Fa"
    assert seen["QUERY_STRING"] == "x=1&path=https%3A%2F%2Fexample.com%2Fa"
    assert seen["SCRIPT_NAME"] == ""


def test_a_request_without_a_body_has_length_zero_and_no_type(echo: Client) -> None:
    """As on Vercel: CONTENT_LENGTH is there always, and no Content-Type is made up."""
    seen = echo.get("/api/a").json()
    assert (seen["CONTENT_LENGTH"], seen["CONTENT_TYPE"], seen["body"]) == ("0", "", 0)


def test_a_body_that_is_far_too_large_is_answered_and_not_kept(echo: Client) -> None:
    """The function learns the true length, so that it can refuse, and no more than Vercel's limit is held."""
    seen = echo.post("/api/a", body=b"x" * (LARGEST_BODY_KEPT + 1_000_000)).json()
    assert seen["CONTENT_LENGTH"] == str(LARGEST_BODY_KEPT + 1_000_000)
    assert seen["body"] == LARGEST_BODY_KEPT


def test_the_index_page_is_served_at_the_root(echo: Client) -> None:
    """Whoever opens the base URL in a browser learns what it is."""
    response = echo.get("/")
    assert (response.status, response.text) == (200, "<h1>Hello</h1>")
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert echo.request("HEAD", "/").body == b""
    assert echo.post("/index.html").status == 405


@pytest.mark.parametrize(
    "path",
    [
        "/secret.txt",
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "//../secret.txt",
        "/public/../../secret.txt",
        "/vercel.json",
        "/api/a.py",
        "/%00",
        "/" + "a" * 5000,
        "/api",
    ],
)
def test_nothing_but_public_can_be_downloaded(echo: Client, path: str) -> None:
    """No spelling of a path leaves the public folder, and none is a server error."""
    assert echo.get(path).status == 404


def test_a_link_out_of_public_is_not_followed(tmp_path: Path) -> None:
    """A symbolic link does not publish what it points to."""
    project = make_project(tmp_path, functions=("api/a",), rewrites={})
    (project / "public" / "link.txt").symlink_to(project / "secret.txt")
    assert _call(CombinedApp(project), RAW_URI="/link.txt") == "404 Not Found"


ORIGIN = "https://app.example.com"


@pytest.fixture
def _one_origin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A deployment that one page may call."""
    monkeypatch.setenv("ALLOWED_ORIGINS", ORIGIN)
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.mark.usefixtures("_one_origin")
@pytest.mark.parametrize(
    ("request_line", "expected"),
    [
        ({"RAW_URI": "/"}, (405, "method_not_allowed")),
        ({"RAW_URI": "/index.html", "REQUEST_METHOD": "DELETE"}, (405, "method_not_allowed")),
        ({"RAW_URI": "/no/such/url"}, (404, "not_found")),
        ({"RAW_URI": "host:443", "REQUEST_METHOD": "CONNECT"}, (404, "not_found")),
        ({"RAW_URI": "*", "REQUEST_METHOD": "OPTIONS"}, (404, "not_found")),
        ({"RAW_URI": "/api/a", "CONTENT_LENGTH": "x"}, (400, "malformed_body")),
    ],
)
def test_what_reaches_no_function_is_refused_as_a_function_would(
    tmp_path: Path, request_line: dict[str, str], expected: tuple[int, str]
) -> None:
    """A problem with a code and a request id, which the page may read: without CORS headers it sees an outage."""
    app = CombinedApp(make_project(tmp_path, functions=("api/a",), rewrites={}))
    status, headers, body = _answer(app, **{"REQUEST_METHOD": "POST", "HTTP_ORIGIN": ORIGIN, **request_line})
    problem = json.loads(body)
    assert (status, problem["status"], problem["code"]) == (expected[0], *expected)
    assert headers["content-type"] == "application/problem+json"
    assert problem["detail"]
    assert problem["request_id"] == headers["x-request-id"]
    assert headers["access-control-allow-origin"] == ORIGIN
    assert headers.get("allow") == ("GET, HEAD" if status == 405 else None)


@pytest.mark.usefixtures("_one_origin")
def test_a_preflight_of_a_page_is_answered(tmp_path: Path) -> None:
    """As that of a function, so that a page may ask whether the deployment is there."""
    app = CombinedApp(make_project(tmp_path, functions=("api/a",), rewrites={}))
    preflight = {"REQUEST_METHOD": "OPTIONS", "HTTP_ORIGIN": ORIGIN, "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "GET"}
    status, headers, body = _answer(app, RAW_URI="/", **preflight)
    assert (status, headers["access-control-allow-origin"], body) == (204, ORIGIN, b"")


def test_a_function_that_cannot_be_imported_stops_the_start(tmp_path: Path) -> None:
    """An operator sees it at deployment, not a caller later."""
    project = make_project(tmp_path, functions=("api/a",), rewrites={})
    (project / "api" / "a.py").write_text("import no_such_module")
    with pytest.raises(ModuleNotFoundError):
        CombinedApp(project)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"RAW_URI": "/a%2Fb?x=%20"}, ("/a%2Fb", "x=%20")),
        ({"REQUEST_URI": "/a%2Fb"}, ("/a%2Fb", "")),
        ({"RAW_URI": "http://host/a%2Fb?x=1"}, ("/a%2Fb", "x=1")),
        ({"RAW_URI": "//host/a"}, ("//host/a", "")),
        ({"PATH_INFO": "/a b/\xc3\xa9", "QUERY_STRING": "x=1"}, ("/a%20b/%C3%A9", "x=1")),
        ({}, ("/", "")),
    ],
)
def test_the_raw_path_is_found_under_every_servers_name_for_it(
    environ: dict[str, str], expected: tuple[str, str]
) -> None:
    """gunicorn says RAW_URI, others REQUEST_URI; without either, the path is quoted again."""
    assert raw_target(environ) == expected


@pytest.mark.parametrize("length", ["-1", "+1", "1_0", "x", "\u0661"])
def test_a_length_that_is_no_number_is_refused(length: str) -> None:
    """Only digits are a Content-Length (RFC 9110, 8.6)."""
    with pytest.raises(UnreadableBodyError):
        read_body({"CONTENT_LENGTH": length, "wsgi.input": BytesIO(b"abc")})


def test_chunks_that_the_server_did_not_decode_are_refused() -> None:
    """Without `wsgi.input_terminated` nobody knows where such a body ends."""
    with pytest.raises(UnreadableBodyError):
        read_body({"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": BytesIO(b"abc")})


def test_a_length_beside_chunks_is_refused() -> None:
    """Two framings at once may be request smuggling (RFC 9112, 6.3)."""
    environ = {"CONTENT_LENGTH": "3", "HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": BytesIO(b"abc")}
    with pytest.raises(UnreadableBodyError):
        read_body({**environ, "wsgi.input_terminated": True})


def test_a_terminated_input_is_read_to_its_end() -> None:
    """gunicorn decodes chunks itself, and says so."""
    environ = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True, "wsgi.input": BytesIO(b"abc")}
    assert read_body(environ) == (b"abc", 3)


def _call(app: CombinedApp, **environ: Any) -> str:
    status, _, _ = _answer(app, **environ)
    return f"{status} {HTTPStatus(status).phrase}"


def _answer(app: CombinedApp, **environ: Any) -> tuple[int, dict[str, str], bytes]:
    """The status, the headers by their names in lower case, and the body."""
    started: list[tuple[str, list[tuple[str, str]]]] = []
    setup_testing_defaults(environ)
    body = b"".join(app(environ, lambda status, headers, *_: started.append((status, headers))))  # type: ignore[arg-type]  # nobody writes
    status, headers = started[0]
    return int(status.split()[0]), {name.lower(): value for name, value in headers}, body
