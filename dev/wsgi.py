"""`serving.wsgi:app` for development: a file that cannot be loaded is a 500 that shows the traceback.

gunicorn itself survives only a SyntaxError while it loads an app; a wrong import or a mistake in vercel.json ends it.
"""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Iterable
from typing import TYPE_CHECKING

from dev import dev_token

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_loading = threading.Lock()


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer one request (PEP 3333). After a failure, every request tries to load the functions again."""
    if dev_token.is_asked(environ):
        return dev_token.answer(environ, start_response)
    every_function = load_or_report()
    if isinstance(every_function, str):
        start_response("500 Internal Server Error", [("Content-Type", "text/plain; charset=utf-8")])
        return [every_function.encode()]
    return every_function(environ, start_response)


def load_or_report() -> WSGIApplication | str:
    """Load the functions. When that fails, print the traceback and return it."""
    try:
        with _loading:
            from lib.http.problems import keep_messages_in_tracebacks
            from serving import wsgi

            keep_messages_in_tracebacks()
            return wsgi.app
    except Exception:
        report = traceback.format_exc()
        print(report, file=sys.stderr, flush=True)
        return report
