"""The rules of the layout, held by reading the code."""

import ast
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FUNCTIONS = sorted(path.relative_to(ROOT) for path in (ROOT / "api").rglob("*.py") if path.name[0] != "_")
OUR_PACKAGES = {"api", "lib", "serving", "dev", "scripts", "migrations", "bench", "tests"}

# What each room may import of this project. lib.steps is pure: it knows neither HTTP nor SQL.
ALLOWED = {
    "api": {"lib.bootstrap"},
    "lib/bootstrap.py": {"lib.config", "lib.http", "lib.db"},
    "lib/http": {"lib.config", "lib.errors", "lib.json_text", "lib.http", "lib.steps", "lib.db"},
    "lib/steps": {"lib.errors", "lib.steps"},
    "lib/db": {"lib.errors", "lib.json_text", "lib.db", "lib.steps"},
    "lib/config.py": {"lib.errors"},
    "lib/errors.py": set[str](),
    "lib/json_text.py": set[str](),
}

FORBIDDEN_LIBRARIES = {
    "lib/steps": {"falcon", "sqlalchemy", "psycopg", "jwt"},
    "lib/db": {"falcon", "pydantic", "jwt"},
    "lib/http": {"sqlalchemy", "psycopg"},
}


def _imported_modules(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


def _files_of(room: str) -> list[Path]:
    place = ROOT / room
    return [place] if place.is_file() else sorted(place.rglob("*.py"))


def _is_within(module: str, packages: set[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize("room", ALLOWED)
def test_imports_point_only_downwards(room: str) -> None:
    """api to lib.http to lib.db to lib.steps; nothing imports upward."""
    for path in _files_of(room):
        ours = {module for module in _imported_modules(path) if module.split(".")[0] in OUR_PACKAGES}
        assert not [module for module in ours if not _is_within(module, ALLOWED[room])], path


@pytest.mark.parametrize("room", FORBIDDEN_LIBRARIES)
def test_each_layer_keeps_to_its_libraries(room: str) -> None:
    """No HTTP and no SQL in the rules, no HTTP in the database's package, no SQL in the HTTP layer."""
    for path in _files_of(room):
        assert not [name for name in _imported_modules(path) if _is_within(name, FORBIDDEN_LIBRARIES[room])], path


def test_at_most_12_functions() -> None:
    """A Hobby deployment takes no more."""
    assert 9 <= len(FUNCTIONS) <= 12


@pytest.mark.parametrize("function", FUNCTIONS, ids=str)
def test_an_entry_file_is_a_docstring_an_import_and_an_app(function: Path) -> None:
    """All wiring is in one place, and no endpoint is imported before a request needs it."""
    kinds = [type(node).__name__ for node in ast.parse((ROOT / function).read_text()).body]
    assert kinds == ["Expr", "ImportFrom", "Assign"]


def test_every_rewrite_leads_to_a_function() -> None:
    """A route table that points at nothing would answer 404."""
    rewrites = json.loads((ROOT / "vercel.json").read_text())["rewrites"]
    destinations = {rewrite["destination"].removeprefix("/") + ".py" for rewrite in rewrites}
    assert destinations <= {str(function) for function in FUNCTIONS}


def test_there_is_no_pyproject() -> None:
    """The platform would take it in place of requirements.txt."""
    assert not (ROOT / "pyproject.toml").exists()
