from __future__ import annotations

import http.client
import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from dev.gunicorn_config import limit_request_line
from dev.harness.client import Client
from dev.harness.postgres import free_port
from dev.harness.waiting import wait_until
from dev.settings import ROOT
from tests.support.project import make_project

pytestmark = pytest.mark.slow

LONGEST_REQUEST_LINE = 8190  # bytes; what gunicorn counts at most


@pytest.fixture(scope="module")
def gunicorn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """The combined app of a tiny project under gunicorn."""
    folder, port = tmp_path_factory.mktemp("gunicorn"), free_port()
    project = make_project(folder / "project", functions=("api/a",), rewrites={"/api/files/:path*": "/api/a"})
    module = (
        f"from pathlib import Path\nfrom serving.wsgi import CombinedApp\napp = CombinedApp(Path({str(project)!r}))\n"
    )
    (folder / "tiny.py").write_text(module)
    command = [sys.executable, "-m", "gunicorn", "tiny:app", "--bind", f"127.0.0.1:{port}", "--pythonpath", str(folder)]
    command += ["--limit-request-line", str(LONGEST_REQUEST_LINE)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    try:
        wait_until(lambda: _answers(port) or process.poll() is not None)
        yield Client("127.0.0.1", port, str)
    finally:
        process.terminate()
        process.wait(30)


def test_gunicorn_keeps_the_raw_path(gunicorn: Client) -> None:
    """%2F in a segment stays one segment, as on Vercel."""
    seen = gunicorn.get("/api/files/https%3A%2F%2Fexample.com%2Fa?x=1").json()
    assert seen["PATH_INFO"] == "/api/files/https%3A%2F%2Fexample.com%2Fa"
    assert seen["QUERY_STRING"] == "x=1&path=https%3A%2F%2Fexample.com%2Fa"


def test_a_long_url_reaches_its_function(gunicorn: Client) -> None:
    """A website's URL stands in the path of a request; gunicorn's own limit is 4,094 bytes."""
    path = f"/api/files/{'a' * 8_000}"
    assert gunicorn.get(path).json()["PATH_INFO"] == path
    assert limit_request_line == LONGEST_REQUEST_LINE
    assert f"--limit-request-line {LONGEST_REQUEST_LINE}\n" in (ROOT / "docs" / "DEPLOYMENT.md").read_text()


def test_gunicorn_gives_a_chunked_body_whole(gunicorn: Client) -> None:
    """A body without a declared length reaches the function with one, as on Vercel."""
    connection = http.client.HTTPConnection(gunicorn.host, gunicorn.port, timeout=10)
    connection.request("POST", "/api/a", iter([b"one", b"two"]), encode_chunked=True)
    seen = json.loads(connection.getresponse().read())
    connection.close()
    assert (seen["CONTENT_LENGTH"], seen["body"], seen["chunked"]) == ("6", 6, False)


BAD_FRAMING = {
    "a chunk that breaks off": b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc",
    "a chunk longer than its size": b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
    "a size that is no number": b"Transfer-Encoding: chunked\r\n\r\nx\r\n",
    "no last chunk": b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    "both framings": b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a body shorter than its length": b"Content-Length: 5\r\n\r\nabc",
}


@pytest.mark.parametrize("name", BAD_FRAMING)
def test_a_body_that_is_not_whole_reaches_no_function(gunicorn: Client, name: str) -> None:
    """A body that breaks off is never taken for a whole one, nor one request for two (RFC 9112, 6.3 and 7.1)."""
    answer = _answer(gunicorn, b"POST /api/a HTTP/1.1\r\nHost: x\r\n" + BAD_FRAMING[name])
    assert b"200 OK" not in answer, answer


@pytest.mark.parametrize("request_line", ["CONNECT host:443", "POST /", "OPTIONS *", "GET /no/such/url"])
def test_what_reaches_no_function_is_a_problem(gunicorn: Client, request_line: str) -> None:
    """Whatever the form of the target is."""
    answer = _answer(gunicorn, f"{request_line} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert re.match(rb"HTTP/1.1 40[45] ", answer), answer
    assert b"content-type: application/problem+json" in answer, answer


def test_curl_is_told_to_go_on_with_a_large_body(gunicorn: Client) -> None:
    """`Expect: 100-continue` is answered at once, or curl would wait a second."""
    head = b"POST /api/a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    assert _first_line(gunicorn, head) == b"HTTP/1.1 100 Continue\r\n"


def test_gunicorn_serves_public_and_nothing_else(gunicorn: Client) -> None:
    """The index page is there; no path leads out of public/."""
    assert gunicorn.get("/").text == "<h1>Hello</h1>"
    assert gunicorn.get("/%2e%2e/secret.txt").status == 404


def _answer(client: Client, request: bytes) -> bytes:
    """Send raw bytes and nothing after them, and return everything that comes back."""
    with socket.create_connection((client.host, client.port), timeout=10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return connection.makefile("rb").read()


def _first_line(client: Client, request: bytes) -> bytes:
    with socket.create_connection((client.host, client.port), timeout=10) as connection:
        connection.sendall(request)
        return connection.makefile("rb").readline()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
