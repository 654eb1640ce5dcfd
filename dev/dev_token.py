"""`GET /dev/token`: a development token for the pages of `make dev`, which nobody has to copy into a browser then.

No deployment has this: it is a part of development's server alone, and answers only where the functions trust this
clone's own key, and only to a page of this machine.
"""

from __future__ import annotations

import os
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from dev.settings import SAMPLE_USER, development_key, session_claims

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

PATH = "/dev/token"
_OWN_HOSTS = {"localhost", "127.0.0.1"}


def is_asked(environ: WSGIEnvironment) -> bool:
    """Whether a request is for the token, and this development environment can give one."""
    return bool(
        environ["PATH_INFO"] == PATH
        and environ["REQUEST_METHOD"] == "GET"
        # A page of another name that leads to 127.0.0.1 (DNS rebinding) would be of the same origin.
        and environ.get("HTTP_HOST", "").partition(":")[0] in _OWN_HOSTS
        and os.environ.get("CLERK_JWT_KEY") == development_key().public_pem
    )


def answer(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """Answer with a token of `?user=…`, or of the sample user."""
    user = parse_qs(environ.get("QUERY_STRING", "")).get("user", [SAMPLE_USER])[0]
    token = development_key().sign(session_claims(user)).encode()
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(token)))]
    start_response(f"{HTTPStatus.OK.value} {HTTPStatus.OK.phrase}", [*headers, ("Cache-Control", "no-store")])
    return [token]
