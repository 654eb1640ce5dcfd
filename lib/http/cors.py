"""CORS: only the configured origins, answered before a token or a database is needed."""

import falcon

from lib.config import settings
from lib.http.request_log import note_refused

_ALLOWED_METHODS = "GET, POST, PUT, PATCH, DELETE, OPTIONS"
_ALLOWED_HEADERS = "Authorization, Content-Type, If-Match, If-None-Match, X-Request-Id, traceparent"
_EXPOSED_HEADERS = "ETag, X-Request-Id, Retry-After, Server-Timing"
_PREFLIGHT_LIFETIME_S = "600"


class CorsMiddleware:
    """Adds the headers for an allowed origin, and answers preflights by itself."""

    def process_request(self, request: falcon.Request, response: falcon.Response) -> None:
        """Check the origin; answer a preflight here.

        Raises `Unavailable` for a request of a page where the list cannot be read: without CORS headers the page would
        see nothing of an answer, and the operator nothing of the mistake. What is no page's, such as a check of the
        health, goes on.
        """
        origin = request.get_header("Origin")
        if origin is None and not settings().has_usable_origins:
            return
        allowed = settings().allowed_origins
        if allowed:
            response.append_header("Vary", "Origin")
        is_allowed = origin is not None and allowed.match(origin)
        if is_allowed:
            response.set_header("Access-Control-Allow-Origin", str(origin))
            response.set_header("Access-Control-Expose-Headers", _EXPOSED_HEADERS)
            response.set_header("Timing-Allow-Origin", str(origin))
        elif origin is not None:
            note_refused("origin", origin, "ALLOWED_ORIGINS")
        if request.method == "OPTIONS" and origin and request.get_header("Access-Control-Request-Method"):
            _answer_preflight(response, is_allowed=is_allowed)


def _answer_preflight(response: falcon.Response, *, is_allowed: bool) -> None:
    if is_allowed:
        response.set_header("Access-Control-Allow-Methods", _ALLOWED_METHODS)
        response.set_header("Access-Control-Allow-Headers", _ALLOWED_HEADERS)
        response.set_header("Access-Control-Max-Age", _PREFLIGHT_LIFETIME_S)
    response.status = falcon.HTTP_NO_CONTENT
    response.complete = True
