"""Builds a function's Falcon app from its routes."""

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import falcon

from lib.config import settings
from lib.errors import OnboardingError
from lib.http.admission import WRITING_METHODS, admitted
from lib.http.body import read_json_object
from lib.http.cors import CorsMiddleware
from lib.http.problems import handle_errors
from lib.http.request_id import RequestIdMiddleware
from lib.http.request_log import RequestLog, note_user
from lib.json_text import dumps

if TYPE_CHECKING:
    # Types alone: a preflight or the catalogue must not pay for importing these.
    from lib.db.database import Database
    from lib.db.encryption import KeyRing
    from lib.http.token import User
    from lib.steps.definitions import Flow

_WHOLE_NUMBER = re.compile(r"\d{1,20}", re.ASCII)
NO_STORE = "private, no-store"


@dataclass(frozen=True)
class Services:
    """What endpoints need and `lib.bootstrap` makes, at first use."""

    database: "Callable[[], Database]"
    key_ring: "Callable[[], KeyRing]"


@dataclass(frozen=True)
class Answer[Body]:
    """What a handler returns in place of a plain value when the status is not 200. No body for 204 and 304.

    A body of bytes is finished, and `headers` say what it is.
    """

    status: HTTPStatus | int
    body: Body | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


NO_CONTENT: Answer[None] = Answer(HTTPStatus.NO_CONTENT)


@dataclass(frozen=True)
class Call:
    """One request as its handler sees it: who asks, the path's parameters decoded, and the services."""

    request: falcon.Request
    parameters: dict[str, str]
    services: Services
    caller: "User | None" = None

    @property
    def user(self) -> "User":
        """Who asks. Only a route that is not public may use it."""
        if self.caller is None:
            raise RuntimeError("a public route has no user")
        return self.caller

    @property
    def database(self) -> "Database":
        """The process's database."""
        return self.services.database()

    @property
    def flow(self) -> "Flow":
        """The steps as the page of this deployment numbers them. Raises `Unavailable`."""
        return settings().onboarding_flow

    @property
    def key_ring(self) -> "KeyRing":
        """The configured encryption keys. Raises `Unavailable`."""
        return self.services.key_ring()

    def body(self, *, required: bool = True) -> dict[str, Any]:
        """The JSON object that was sent."""
        return read_json_object(self.request, required=required)

    def authenticated(self) -> "Call":
        """The same request with its user, on a public route that needs one after all. Raises `Unauthenticated`."""
        return replace(self, caller=_caller(self.request))

    def number(self, name: str, least: int, most: int) -> int | None:
        """The whole number that the query gives for `name`; None where it gives none. Raises `OnboardingError`."""
        sent = self.request.get_param(name)
        if sent is None:
            return None
        if not _WHOLE_NUMBER.fullmatch(sent) or not least <= int(sent) <= most:
            raise OnboardingError(f"The parameter {name} has to be a whole number from {least} to {most}.")
        return int(sent)

    def flag(self, name: str) -> bool:
        """Whether the query says `name=true`. Raises `OnboardingError` where it says neither that nor false."""
        sent = (self.request.get_param(name) or "false").lower()
        if sent not in {"true", "1", "false", "0"}:
            raise OnboardingError(f"The parameter {name} has to be true or false.")
        return sent in {"true", "1"}


type WsgiApp = "falcon.App[falcon.Request, falcon.Response]"
type Handler = Callable[[Call], object]


@dataclass(frozen=True)
class Route:
    """One method of one path. A public route needs no token."""

    method: str
    path: str
    handler: Handler
    public: bool = False
    cache_control: str = NO_STORE


@dataclass
class _Resource:
    """A path in Falcon's terms: an object with `on_get`, `on_post` and so on."""

    services: Services
    routes: list[Route] = field(default_factory=list)

    def add(self, route: Route) -> None:
        responder = self._responder(route)
        setattr(self, f"on_{route.method.lower()}", responder)
        if route.method == "GET" and not hasattr(self, "on_head"):
            self.on_head = responder  # Falcon leaves the body out

    def _responder(self, route: Route) -> Callable[..., None]:
        def respond(request: falcon.Request, response: falcon.Response, **raw: str) -> None:
            with admitted(may_write=route.method in WRITING_METHODS and not route.public) as admission:
                caller = None if route.public else _caller(request)
                if caller is not None:
                    admission.identify(caller.id)
                parameters = {name: _decoded(value) for name, value in raw.items()}
                result = route.handler(Call(request, parameters, self.services, caller))
                response.set_header("Cache-Control", route.cache_control)
                _render(response, result)

        return respond


def app_without_routes() -> WsgiApp:
    """A WSGI app with what every response has: request id, common headers, CORS, and errors as problems."""
    app: WsgiApp = falcon.App(
        middleware=[RequestIdMiddleware(), RequestLog(), _CommonHeaders(), CorsMiddleware(), _UnknownMethods()]
    )
    handle_errors(app)
    return app


def build_app(load_routes: Callable[[], Sequence[Route]], services: Services) -> WsgiApp:
    """A WSGI app that answers these routes and nothing else. A preflight is answered without loading them."""
    app = app_without_routes()
    app.add_middleware(_RoutesAtFirstUse(lambda: _add_routes(app, load_routes(), services)))
    return app


def _add_routes(app: WsgiApp, routes: Sequence[Route], services: Services) -> None:
    resources: dict[str, _Resource] = {}
    for route in routes:
        resources.setdefault(route.path, _Resource(services)).add(route)
    for path, resource in resources.items():
        app.add_route(path, resource)


class _RoutesAtFirstUse:
    """Last of the middleware: whatever gets here needs the endpoints, and their imports are most of a cold start."""

    def __init__(self, add_routes: Callable[[], None]) -> None:
        self._add_routes = add_routes
        self._lock = threading.Lock()
        self._are_added = False

    def process_request(self, *_: object) -> None:
        if self._are_added:
            return
        with self._lock:
            if not self._are_added:
                self._add_routes()
                self._are_added = True


class _CommonHeaders:
    """What every response carries until its route says otherwise."""

    def process_request(self, _request: falcon.Request, response: falcon.Response) -> None:
        response.set_header("Cache-Control", NO_STORE)
        response.set_header("X-Content-Type-Options", "nosniff")


class _UnknownMethods:
    """Falcon calls a method that it does not know a bad request, where HTTP has a status with `Allow` for it."""

    def process_request(self, request: falcon.Request, _response: falcon.Response) -> None:
        if request.method not in falcon.COMBINED_METHODS:
            request.method = "TRACE"  # known, and no route has it


def _caller(request: falcon.Request) -> "User":
    from lib.http.token import authenticate

    caller = authenticate(request.get_header("Authorization"), settings())
    note_user(caller.id)
    return caller


def _decoded(parameter: str) -> str:
    """A part of the path as text. Raises `OnboardingError`, a 400, where no text that can be stored is meant.

    What was sent unencoded beyond ASCII stays as it is; lone surrogates are no UTF-8 and fail like broken bytes.
    """
    try:
        text = unquote_to_bytes(parameter).decode()
    except UnicodeError:
        raise OnboardingError("The address holds percent-encoded bytes that are not UTF-8.") from None
    if "\0" in text:
        raise OnboardingError("The address holds a NUL character.")
    return text


def _render(response: falcon.Response, result: object) -> None:
    answer: Answer[object] = result if isinstance(result, Answer) else Answer(HTTPStatus.OK, result)
    response.status = answer.status
    response.set_headers(answer.headers)
    if isinstance(answer.body, bytes):
        response.content_type = answer.headers.get("content-type", "application/octet-stream")
        response.data = answer.body
    elif answer.status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
        response.content_type = falcon.MEDIA_JSON
        response.text = dumps(answer.body)
