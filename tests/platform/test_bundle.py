"""What a real `vercel build` makes of the repository."""

from __future__ import annotations

import json
import re
from pathlib import Path, PurePosixPath

import pytest

from dev.harness.client import Client
from dev.harness.vercel.build import BuiltProject

FIRST_MEASUREMENT = 69_403_994  # bytes, unpacked, of which 6.1 MB are the platform's own pip
BUDGET = FIRST_MEASUREMENT * 120 // 100
MOST_FUNCTIONS = 12  # of a deployment on the Hobby plan


def test_functions_are_exactly_the_files_under_api(built: BuiltProject) -> None:
    """Each file under api/ that is not private becomes a function, nothing else does, and a Hobby plan takes them."""
    project = built.project
    files = {f"/{file.relative_to(project).with_suffix('')}" for file in (project / "api").rglob("*.py")}
    assert set(built.functions) == {path for path in files if not PurePosixPath(path).name.startswith("_")}
    assert len(built.functions) <= MOST_FUNCTIONS


def test_static_files_are_exactly_the_public_folder(built: BuiltProject) -> None:
    """The web can download what public/ holds and no source file."""
    public = built.project / "public"
    assert set(built.static_files) == {f"/{file.relative_to(public)}" for file in public.rglob("*") if file.is_file()}
    for path, file in built.static_files.items():
        assert file.read_bytes() == (public / path.lstrip("/")).read_bytes()


def test_a_preview_has_the_reference_and_the_wizard_under_their_policy(built: BuiltProject) -> None:
    """The build makes both, and the platform's own routes add the headers of vercel.json to every page."""
    assert {"/index.html", "/reference/swagger-ui-bundle.js", "/wizard/index.html"} <= set(built.static_files)
    (route,) = [route for route in built.routes if route.get("continue")]
    assert set(route["headers"]) == {"Content-Security-Policy", "Referrer-Policy", "X-Content-Type-Options"}
    for path in {*built.static_files, "/", "/problems", "/wizard"}:
        assert re.fullmatch(route["src"], path), path
    for path in ("/api/onboarding/init", "/health", "/onboarding/business-info", "/gsc/status"):
        assert not re.fullmatch(route["src"], path), path


def test_no_function_gives_a_development_token(on_built_functions: Client) -> None:
    """What `make dev` adds for its own pages is nowhere in a deployment."""
    response = on_built_functions.get("/dev/token")
    assert (response.status, response.headers["Content-Type"]) == (401, "application/problem+json")


def test_a_bundle_holds_api_lib_and_its_requirements_and_nothing_else(built: BuiltProject) -> None:
    """No test, migration, script, page, .env or note of ours is deployed with a function."""
    for function in built.functions.values():
        ours = [PurePosixPath(name) for name in function.files if not name.startswith("_vendor/")]
        assert {name.parts[0] for name in ours} == {"api", "lib", "requirements.txt", "vc__handler__python.py"}
        sources = {str(name) for name in ours if name.parts[0] in {"api", "lib"}}
        assert sources == {str(file.relative_to(built.project)) for file in _sources(built.project)}


def test_the_largest_bundle_stays_under_its_budget(built: BuiltProject, capsys: pytest.CaptureFixture[str]) -> None:
    """A dependency that makes every cold start heavier is noticed."""
    largest = max(built.functions.values(), key=lambda function: function.size)
    measured = f"{largest.path}: {largest.size / 1e6:.1f} MB in {len(largest.files)} files"
    with capsys.disabled():
        print(f"\n{measured}, budget {BUDGET / 1e6:.1f} MB")  # noqa: T201 - to be seen in every run
    assert largest.size <= BUDGET


def test_every_rewrite_leads_to_a_function(built: BuiltProject) -> None:
    """No URL of vercel.json ends at a function that does not exist."""
    rewrites = json.loads((built.project / "vercel.json").read_text())["rewrites"]
    assert {rewrite["destination"] for rewrite in rewrites} <= set(built.functions)


def _sources(project: Path) -> list[Path]:
    return [file for name in ("api", "lib") for file in (project / name).rglob("*") if file.is_file()]
