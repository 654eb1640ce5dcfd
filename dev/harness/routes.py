"""Which routes each function answers, read from the entry files under api/."""

from __future__ import annotations

import ast
import importlib
from functools import cache
from pathlib import Path

from dev.settings import ROOT
from lib.http.app import Route
from serving.routes import RouteTable


@cache
def routes_of_functions() -> dict[str, list[Route]]:
    """The routes of every function, by the URL path of the function, such as `/api/onboarding/summary`."""
    return {
        path: [route for name in endpoint_modules(file) for route in importlib.import_module(name).ROUTES]
        for path, file in RouteTable.read(ROOT).functions.items()
    }


def all_routes() -> list[Route]:
    """Every route that any function answers."""
    return [route for routes in routes_of_functions().values() for route in routes]


def endpoint_modules(entry_file: Path) -> list[str]:
    """The modules that an entry file gives to `make_app`."""
    strings = [node for node in ast.walk(ast.parse(entry_file.read_text())) if isinstance(node, ast.Constant)]
    names = [str(node.value) for node in strings]
    return [name for name in names if name.startswith("lib.http.endpoints.")]
