from __future__ import annotations

import pkgutil
import re
from pathlib import Path

import pytest

from dev.harness.every_call import BASE, NO_SUCH_STEP, POSTED_READS, READS, REFUSED, WRITES
from dev.harness.routes import all_routes, endpoint_modules, routes_of_functions
from dev.rewrites import VERCEL_JSON, with_rewrites
from dev.settings import ROOT
from lib.http import endpoints
from lib.steps.definitions import SIX_STEPS
from serving.routes import Route, RouteTable
from tests.support.project import make_project

PARAMETER = re.compile(r"\{[^}]*\}")
STEP = {"/api/step/:number": "/api/a", "/api/files/:path*": "/api/b", "/api/:path*": "/api/a"}


@pytest.fixture
def table(tmp_path: Path) -> RouteTable:
    """Two functions, a helper and three rewrites."""
    return RouteTable.read(make_project(tmp_path, functions=("api/a", "api/b", "api/_helper"), rewrites=STEP))


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("/api/a", "x=1", Route("/api/a", "x=1")),
        ("/api/step/4", "", Route("/api/a", "number=4")),
        ("/api/files/a/b", "x=1", Route("/api/b", "x=1&path=a/b")),
        ("/api/files", "", Route("/api/b", "")),
        ("/api/files/https%3A%2F%2Fexample.com%2Fa", "", Route("/api/b", "path=https%3A%2F%2Fexample.com%2Fa")),
        ("/api/_helper", "", Route("/api/a", "path=_helper")),
        ("/api/step/4/", "", None),
        ("/api/STEP/4", "", Route("/api/a", "path=STEP/4")),
        ("/API/a", "", None),
        ("/elsewhere", "", None),
        ("/apix", "", None),
    ],
)
def test_the_file_system_comes_first_and_then_the_first_rewrite(
    table: RouteTable, path: str, query: str, expected: Route | None
) -> None:
    """A path reaches the function of its name, else that of the first rewrite that matches it as sent."""
    assert table.resolve(path, query) == expected


@pytest.mark.parametrize("source", ["/api/(.*)/x", "/api/(a|b)", "/api/:path+", "/api/x{/y}?"])
def test_a_pattern_beyond_the_subset_is_refused(tmp_path: Path, source: str) -> None:
    """Local routing never guesses at what the platform would do."""
    project = make_project(tmp_path, functions=("api/a",), rewrites={source: "/api/a"})
    with pytest.raises(ValueError, match="not supported by serving"):
        RouteTable.read(project)


def test_a_rewrite_to_no_function_is_refused(tmp_path: Path) -> None:
    """A typing error in vercel.json stops the server at its start, not a caller later."""
    project = make_project(tmp_path, functions=("api/a",), rewrites={"/api/x": "/api/typo"})
    with pytest.raises(ValueError, match="/api/typo"):
        RouteTable.read(project)


@pytest.mark.parametrize("function", routes_of_functions())
def test_every_route_reaches_its_function(function: str) -> None:
    """vercel.json sends each URL to the function that answers it, whatever stands in the place of its parameters."""
    table = RouteTable.read(ROOT)
    assert routes_of_functions()[function]
    for route in routes_of_functions()[function]:
        for value in ("x", "https%3A%2F%2Fa.example"):
            found = table.resolve(PARAMETER.sub(value, route.path))
            assert found is not None
            assert found.function == function, f"vercel.json needs a rewrite of {route.path} to {function}"


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/api/nothing",
        "/api/no/such/thing",
        "/api/onboarding/nothing",
        "/api/onboarding/style-detection/complete",
        "/api/onboarding/step/2/nothing",
        "/wp/status",
        "/nothing",
    ],
)
def test_an_unknown_url_reaches_a_function_too(path: str) -> None:
    """The relay: the AI backend may know it, and else its 404 is a problem with CORS headers."""
    found = RouteTable.read(ROOT).resolve(path)
    assert found is not None
    assert found.function == "/api/relay"


def test_a_step_that_does_not_exist_reaches_the_function_that_says_so() -> None:
    """Behind the last step, and where no number stands."""
    for path in (NO_SUCH_STEP, f"{NO_SUCH_STEP}/complete", f"{BASE}/step/x/validate"):
        found = RouteTable.read(ROOT).resolve(path)
        assert found is not None
        assert found.function == "/api/onboarding/session", path


def test_vercel_json_has_the_rewrites_that_the_routes_need() -> None:
    """`make rewrites` writes them: a route that is added or moved reaches its function, and no other URL does."""
    assert VERCEL_JSON.read_text() == with_rewrites(VERCEL_JSON)


def test_every_endpoint_module_belongs_to_one_function() -> None:
    """A module that no entry file names would be code that nobody reaches."""
    written = [name for _, name, _ in pkgutil.iter_modules(endpoints.__path__, f"{endpoints.__name__}.")]
    named = [name for file in RouteTable.read(ROOT).functions.values() for name in endpoint_modules(file)]
    assert sorted(named) == sorted(written)


def test_every_step_has_its_four_routes() -> None:
    """Reading, completing, skipping and validating, under the number that the page knows the step by."""
    found = {(route.method, route.path) for route in all_routes()}
    for number, step in SIX_STEPS.numbered():
        path = f"{BASE}/step/{number}"
        wanted = {("GET", path), ("POST", f"{path}/complete"), ("POST", f"{path}/skip"), ("GET", f"{path}/validate")}
        assert wanted <= found, step.title


def test_no_two_functions_answer_one_url() -> None:
    """Which of them did would depend on the order of the rewrites."""
    routes = [(route.method, route.path) for route in all_routes()]
    assert len(routes) == len(set(routes))


def test_the_sample_calls_cover_every_route() -> None:
    """What has to hold for every call is tested with dev/harness/every_call.py: a new route needs a call there."""
    sampled = [
        *WRITES,
        *REFUSED,
        *[("GET", path, None) for path in READS],
        *[("POST", path, None) for path in POSTED_READS],
    ]
    for route in all_routes():
        if route.path.startswith("/onboarding/"):
            assert (route.method, f"/api{route.path}") in {(other.method, other.path) for other in all_routes()}
            continue  # the same endpoint without /api
        pattern = re.compile(PARAMETER.sub("[^/]+", re.sub(r"\{\w+:path\}", ".+", route.path)))
        called = [path for method, path, _ in sampled if method == route.method and pattern.fullmatch(_path(path))]
        assert called or route.public, f"{route.method} {route.path}"


def _path(sampled: str) -> str:
    return f"{BASE}/{sampled.partition('?')[0]}"
