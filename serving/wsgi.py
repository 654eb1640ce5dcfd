"""All functions as one WSGI app for any other host: `gunicorn serving.wsgi:app`.

Each function gets the request as the Vercel runtime would give it: the raw path, percent-encoded as it was sent, the
parameters of the rewrite in the query string, and the whole body with its length.
"""

from __future__ import annotations

import importlib.util
import mimetypes
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote, unquote, urlsplit

from lib.http.refusals import method_not_allowed, nothing_there, refusing, unreadable_body
from serving.page_headers import PageHeaders
from serving.routes import Route, RouteTable

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

ROOT = Path(__file__).resolve().parent.parent
LARGEST_BODY_KEPT = 4_500_000  # bytes; Vercel refuses larger ones, so the rest never needs to reach a function
_CHUNK = 64 * 1024
_READING = ("GET", "HEAD")

# What no function gets to see is refused as a function would refuse it.
_NOTHING_THERE = refusing(nothing_there)
_NOT_READING = refusing(lambda: method_not_allowed(_READING))
_UNREADABLE_BODY = refusing(unreadable_body)


class Stream(Protocol):
    """What is needed of `wsgi.input`."""

    def read(self, size: int = ..., /) -> bytes:
        """Return up to `size` bytes."""


class UnreadableBodyError(Exception):
    """The end of the body cannot be determined."""


class CombinedApp:
    """The functions of one project under the paths that vercel.json gives them, and its public/ folder."""

    def __init__(self, root: Path = ROOT) -> None:
        self._public = (root / "public").resolve()
        self._page_headers = PageHeaders.read(root)
        self._routes = RouteTable.read(root)
        # All at once: a function that cannot be imported fails the deployment, not its first request.
        self._apps = {path: _load_app(path, file) for path, file in self._routes.functions.items()}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        path, query = raw_target(environ)
        if (file := self._public_file(path)) is not None:
            if environ["REQUEST_METHOD"] in _READING:
                return _serve(file, environ["REQUEST_METHOD"], self._page_headers.of(path), start_response)
            return _NOT_READING(environ, start_response)
        route = self._routes.resolve(path, query)
        if route is None:
            return _NOTHING_THERE(environ, start_response)
        try:
            body, length = read_body(environ)
        except UnreadableBodyError:
            return _UNREADABLE_BODY(environ, start_response)
        return self._apps[route.function](_as_on_vercel(environ, path, route, body, length), start_response)

    def _public_file(self, path: str) -> Path | None:
        try:
            file = (self._public / unquote(path).lstrip("/")).resolve()
            file = file / "index.html" if file.is_dir() else file
            return file if file.is_relative_to(self._public) and file.is_file() else None
        except (OSError, ValueError):  # a NUL, or a name that is too long
            return None


def raw_target(environ: WSGIEnvironment) -> tuple[str, str]:
    """Return path and query as they were sent. Servers name them differently; quoting again is the last resort."""
    target: str = environ.get("RAW_URI") or environ.get("REQUEST_URI") or ""
    if not target:
        path = quote(environ.get("PATH_INFO", "").encode("latin-1"), safe="/:@!$&'()*+,;=~")
        return path or "/", environ.get("QUERY_STRING", "")
    if not target.startswith("/"):  # the absolute form, as sent to a proxy
        parts = urlsplit(target)
        return parts.path or "/", parts.query
    path, _, query = target.partition("?")
    return path, query


def read_body(environ: WSGIEnvironment) -> tuple[bytes, int]:
    """Read the whole body and return it, cut off after LARGEST_BODY_KEPT, with its true length in bytes.

    Raises UnreadableBodyError for a length that is not a number or exceeds what was sent, for a length together with
    chunks (RFC 9112, 6.3), and for chunks that the server did not decode.
    """
    declared = environ.get("CONTENT_LENGTH") or None
    if declared is not None:
        if "HTTP_TRANSFER_ENCODING" in environ or not (declared.isascii() and declared.isdigit()):
            raise UnreadableBodyError
        body, length = _read(environ["wsgi.input"], int(declared))
        if length < int(declared):
            raise UnreadableBodyError
        return body, length
    if "HTTP_TRANSFER_ENCODING" not in environ:
        return b"", 0
    if not environ.get("wsgi.input_terminated"):
        raise UnreadableBodyError
    return _read(environ["wsgi.input"], None)


def _read(stream: Stream, length: int | None) -> tuple[bytes, int]:
    """Read `length` bytes or up to the end; the excess is discarded, so that the client still gets a response."""
    kept, total = bytearray(), 0
    while length is None or total < length:
        chunk = stream.read(_CHUNK if length is None else min(_CHUNK, length - total))
        if not chunk:
            break
        total += len(chunk)
        kept += chunk[: max(0, LARGEST_BODY_KEPT - len(kept))]
    return bytes(kept), total


def _as_on_vercel(environ: WSGIEnvironment, path: str, route: Route, body: bytes, length: int) -> WSGIEnvironment:
    kept = {name: value for name, value in environ.items() if name != "HTTP_TRANSFER_ENCODING"}
    return {
        **kept,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": route.query,
        "CONTENT_TYPE": environ.get("CONTENT_TYPE", ""),
        "CONTENT_LENGTH": str(length),
        "wsgi.input": BytesIO(body),
        "wsgi.input_terminated": True,
    }


def _load_app(path: str, file: Path) -> WSGIApplication:
    spec = importlib.util.spec_from_file_location(path.strip("/").replace("/", "."), file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    app: WSGIApplication = module.app
    return app


def _serve(file: Path, method: str, more: list[tuple[str, str]], start_response: StartResponse) -> Iterable[bytes]:
    content, kind = file.read_bytes(), mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    headers = [("Content-Type", f"{kind}; charset=utf-8" if kind.startswith("text/") else kind)]
    headers += [("Content-Length", str(len(content))), ("Cache-Control", "public, max-age=0, must-revalidate"), *more]
    start_response("200 OK", headers)
    return [content] if method == "GET" else []


def __getattr__(name: str) -> CombinedApp:
    """Make `app` when a server asks for it: reading a helper of this module must not import every function."""
    if name != "app":
        raise AttributeError(name)
    globals()[name] = app = CombinedApp()
    return app
