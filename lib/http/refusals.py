"""Refusals by a host that serves the functions, of what none of them gets to see: as problems, with CORS."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

import falcon

from lib.http.app import WsgiApp, app_without_routes
from lib.http.problems import BadBody


def refusing(error: Callable[[], Exception]) -> WsgiApp:
    """A WSGI app that answers a preflight as every function does, and anything else with this error."""
    app = app_without_routes()
    app.add_middleware(_Refusing(error))
    return app


def nothing_there() -> Exception:
    """The error of a URL that leads nowhere."""
    return falcon.HTTPNotFound()


def method_not_allowed(allowed: Sequence[str]) -> Exception:
    """The error of a URL that takes other methods."""
    return falcon.HTTPMethodNotAllowed(allowed)


def unreadable_body() -> Exception:
    """The error of a body whose end cannot be determined."""
    return BadBody(HTTPStatus.BAD_REQUEST, "The end of the body cannot be determined.")


@dataclass(frozen=True)
class _Refusing:
    """Last of the middleware: what gets here is no preflight."""

    error: Callable[[], Exception]

    def process_request(self, *_: object) -> None:
        raise self.error()
