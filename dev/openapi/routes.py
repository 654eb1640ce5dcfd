"""The routes that are described: those of the table, with their handlers and the types of their answers."""

from __future__ import annotations

import re
import typing
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, get_args, get_origin

from dev.harness.routes import all_routes
from dev.openapi.table import OPERATIONS, OTHER_NAMES, PARAMETERS, Operation
from lib.http import answers
from lib.http.app import Answer, Handler, Route

PATH_PARAMETER = re.compile(r"\{(\w+)(?::path)?\}")


@dataclass(frozen=True)
class Described:
    """An operation with the route that it describes."""

    route: Route
    operation: Operation

    @property
    def handler(self) -> Any:
        """The function that answers."""
        return _function(self.route.handler)

    @property
    def path(self) -> str:
        """The path as the description writes it."""
        return PATH_PARAMETER.sub(lambda found: f"{{{PARAMETERS[found[1]].name}}}", self.route.path)


def described() -> list[Described]:
    """Every route that is described, in the order of the table. Raises ValueError for one without an entry."""
    routes = {f"{route.method} {_plain(route.path)}": route for route in all_routes()}
    listed = {name for name in OPERATIONS if name in routes}
    if unrouted := OPERATIONS.keys() - listed:
        raise ValueError(f"dev/openapi/table.py lists what is not routed: {sorted(unrouted)}")
    handlers = {(route.method, _function(route.handler)) for route in map(routes.__getitem__, listed)}
    for name, route in routes.items():
        is_known = name in listed or name in OTHER_NAMES or (route.method, _function(route.handler)) in handlers
        if not is_known and not is_relay(route):
            raise ValueError(f"dev/openapi/table.py needs an entry for {name}")
    return [Described(_answering(routes, name), operation) for name, operation in OPERATIONS.items()]


def other_names() -> dict[str, str]:
    """The path that is described for each path that is only another name of it."""
    alone = [one for one in described() if not isinstance(one.route.handler, partial)]
    paths = {(one.route.method, one.handler): one.path for one in alone}
    routes = {f"{route.method} {_plain(route.path)}": route for route in all_routes()}
    others = [route for name, route in routes.items() if name not in OPERATIONS and name not in OTHER_NAMES]
    found = [(_plain(route.path), paths.get((route.method, _function(route.handler)))) for route in others]
    return {path: to for path, to in found if to is not None}


def is_relay(route: Route) -> bool:
    """Whether the route is the one for everything that no function owns."""
    return route.path == "/{path:path}"


def _plain(path: str) -> str:
    return PATH_PARAMETER.sub(r"{\1}", path)


def _function(handler: Handler) -> Any:
    return handler.func if isinstance(handler, partial) else handler


def _answering(routes: Mapping[str, Route], name: str) -> Route:
    """The route; for a step of any number, with the handler that the steps there are have."""
    if "{number}" not in name:
        return routes[name]
    return replace(routes[name], handler=routes[name.replace("{number}", "1")].handler)


def _names(function: Any) -> dict[str, Any]:
    """What the annotations of a handler may name: they import the answers' types for mypy alone."""
    return {**vars(answers), **function.__globals__}


def answer_type(function: Any) -> Any:
    """The type of the body that a handler answers."""
    returned = typing.get_type_hints(function, _names(function))["return"]
    return get_args(returned)[0] if get_origin(returned) is Answer else returned
