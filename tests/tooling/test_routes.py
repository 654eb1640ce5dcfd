from __future__ import annotations

import re
from pathlib import Path

import pytest

from dev.settings import ROOT
from serving.routes import Route, RouteTable
from tests.support.project import make_project

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


@pytest.mark.parametrize("source", ["/api/(.*)", "/api/:path+", "/api/x{/y}?"])
def test_a_pattern_beyond_the_subset_is_refused(tmp_path: Path, source: str) -> None:
    """Local routing never guesses at what the platform would do."""
    project = make_project(tmp_path, functions=("api/a",), rewrites={source: "/api/a"})
    with pytest.raises(ValueError, match="not understood here"):
        RouteTable.read(project)


def test_a_rewrite_to_no_function_is_refused(tmp_path: Path) -> None:
    """A typing error in vercel.json stops the server at its start, not a caller later."""
    project = make_project(tmp_path, functions=("api/a",), rewrites={"/api/x": "/api/typo"})
    with pytest.raises(ValueError, match="/api/typo"):
        RouteTable.read(project)


@pytest.mark.parametrize(
    ("path", "function"),
    [
        ("/api/health", "health"),
        ("/api/onboarding/init", "onboarding/session"),
        ("/api/onboarding/status", "onboarding/session"),
        ("/api/onboarding/progress", "onboarding/session"),
        ("/api/onboarding/start", "onboarding/session"),
        ("/api/onboarding/resume", "onboarding/session"),
        ("/api/onboarding/complete", "onboarding/session"),
        ("/api/onboarding/reset", "onboarding/session"),
        ("/api/onboarding/step/1/complete", "onboarding/api_keys"),
        ("/api/onboarding/step/2", "onboarding/website_analysis"),
        ("/api/onboarding/step/3/validate", "onboarding/research_preferences"),
        ("/api/onboarding/step/4/skip", "onboarding/persona"),
        ("/api/onboarding/step/5/complete", "onboarding/integrations"),
        ("/api/onboarding/step/6/complete", "onboarding/summary"),
        ("/api/onboarding/step/7", "onboarding/session"),
        ("/api/onboarding/step/x/complete", "onboarding/session"),
        ("/api/onboarding/summary", "onboarding/summary"),
        ("/api/onboarding/website-analysis", "onboarding/website_analysis"),
        ("/api/onboarding/research-preferences", "onboarding/research_preferences"),
        ("/api/onboarding/api-keys", "onboarding/api_keys"),
        ("/api/onboarding/api-keys/onboarding", "onboarding/api_keys"),
        ("/api/onboarding/api-keys/gemini", "onboarding/api_keys"),
        ("/api/onboarding/step4/persona-latest", "onboarding/persona"),
        ("/api/onboarding/style-detection/check-existing/https%3A%2F%2Fa.example", "onboarding/website_analysis"),
        ("/api/onboarding/style-detection/analysis/7", "onboarding/website_analysis"),
        ("/api/onboarding/style-detection/session-analyses", "onboarding/website_analysis"),
        ("/api/onboarding/config", "onboarding/catalogue"),
        ("/api/onboarding/providers", "onboarding/catalogue"),
        ("/api/onboarding/providers/exa/setup", "onboarding/catalogue"),
        ("/api/no/such/thing", "onboarding/catalogue"),
    ],
)
def test_every_url_of_the_contract_reaches_its_function(path: str, function: str) -> None:
    """vercel.json sends each URL of the contract to the function that answers it."""
    route = RouteTable.read(ROOT).resolve(path)
    assert route is not None
    assert route.function == f"/api/{function}"


def test_every_url_on_the_index_page_is_routed() -> None:
    """The page at the root names no URL that nobody answers."""
    page = (ROOT / "public" / "index.html").read_text()
    urls = re.findall(r"<code>(/api/[^<]+)</code>", page)
    assert len(urls) > 25
    table = RouteTable.read(ROOT)
    for url in urls:
        route = table.resolve(re.sub(r"[{}]", "", url.replace("{n}", "4")))
        assert route is not None, url
        assert not route.query.startswith("path=onboarding/"), f"{url} reaches the last rewrite, for unknown paths"
