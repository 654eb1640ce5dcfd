"""The same answers, whoever serves the functions."""

from __future__ import annotations

import importlib
import pkgutil
import re
import secrets

import pytest

import lib.http.endpoints
from dev.harness.clerk import TokenFactory
from dev.harness.client import Client
from lib.http.app import Route
from tests.platform.recorded import REQUESTS
from tests.platform.transcript import Answer, differences, record


@pytest.fixture(scope="session")
def expected(on_development_server: Client, token: TokenFactory) -> list[Answer]:
    """What the server of `make dev` answers."""
    return record(on_development_server, token, _new_user())


def test_every_route_is_on_the_list() -> None:
    """A route that is added without a recorded request is noticed."""
    missing = [f"{route.method} {route.path}" for route in _routes() if not _is_recorded(route)]
    assert missing == []


def test_nothing_on_the_list_is_an_internal_error(expected: list[Answer]) -> None:
    """No request of the list, however bad, ends in a 5xx."""
    assert [answer.request.name for answer in expected if answer.status >= 500] == []


def test_gunicorn_answers_like_make_dev(expected: list[Answer], on_gunicorn: Client, token: TokenFactory) -> None:
    """`gunicorn serving.wsgi:app` gives the same status, body and headers for every request of the list."""
    assert differences(expected, record(on_gunicorn, token, _new_user())) == []


def test_built_functions_answer_like_make_dev(
    expected: list[Answer], on_built_functions: Client, token: TokenFactory
) -> None:
    """The functions that `vercel build` made do so too, under the real runtime."""
    assert differences(expected, record(on_built_functions, token, _new_user())) == []


def test_vercel_dev_answers_like_make_dev(expected: list[Answer], on_vercel_dev: Client, token: TokenFactory) -> None:
    """`vercel dev --local` does so too."""
    assert differences(expected, record(on_vercel_dev, token, _new_user())) == []


def _new_user() -> str:
    return f"user_2parity{secrets.token_hex(8)}"


def _routes() -> list[Route]:
    package = lib.http.endpoints
    modules = [
        importlib.import_module(f"{package.__name__}.{one.name}") for one in pkgutil.iter_modules(package.__path__)
    ]
    return [route for module in modules for route in getattr(module, "ROUTES", [])]


def _is_recorded(route: Route) -> bool:
    pattern = re.sub(r"\{\w+(:path)?\}", "[^/]+", route.path)
    return any(one.method == route.method and re.fullmatch(pattern, one.path.split("?")[0]) for one in REQUESTS)
