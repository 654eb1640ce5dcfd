"""The rules of the layout, held by reading the code."""

import ast
import json
from pathlib import Path

import pytest

from dev.drawing import DRAWING, ROOMS, drawing, files_of, imported_names, room_of
from dev.settings import ROOT

FUNCTIONS = sorted(path.relative_to(ROOT) for path in (ROOT / "api").rglob("*.py") if path.name[0] != "_")
LEGACY = "migrations.legacy"

# What each place may import of this project: the most specific entry counts for a file.
ALLOWED: dict[str, set[str]] = {
    "api": {"lib.bootstrap"},
    "lib/__init__.py": set(),
    "lib/bootstrap.py": {"lib.config", "lib.http", "lib.db"},
    "lib/ai_backend.py": {"lib.content_encoding", "lib.errors"},
    "lib/config.py": {"lib.errors", "lib.steps.definitions"},
    "lib/configuration.py": {"lib.config", "lib.errors"},
    "lib/content_encoding.py": {"lib.errors"},
    "lib/errors.py": set(),
    "lib/first_come.py": set(),
    "lib/json_text.py": set(),
    "lib/timing.py": set(),
    "lib/http": {
        "lib.ai_backend",
        "lib.config",
        "lib.configuration",
        "lib.errors",
        "lib.first_come",
        "lib.json_text",
        "lib.http",
        "lib.steps",
        "lib.db",
        "lib.timing",
    },
    "lib/steps": {"lib.errors", "lib.json_text", "lib.steps"},
    "lib/db": {"lib.errors", "lib.first_come", "lib.json_text", "lib.db", "lib.steps", "lib.timing"},
    "serving": {"serving", "lib.http.refusals"},
    "dev": {"dev", "serving", "lib"},
    "scripts": {"scripts", "lib"},
    # The old system's data has one room, which can be deleted with whoever imports it.
    "scripts/import_legacy.py": {"lib", "scripts.ending", LEGACY},
    "scripts/migrate_user_id_to_string.py": {"lib", LEGACY},
    "migrations/__main__.py": {"lib", LEGACY},
    "migrations/env.py": {"lib"},
    "migrations/versions": set(),
    "migrations/legacy": {"lib.config", "lib.errors", "lib.json_text", "lib.db", "lib.steps", LEGACY},
    "bench": {"bench", "dev", "lib"},
    "bench/importing.py": {"bench", "dev", "lib", "scripts.import_legacy", LEGACY},
    # Clusters of Citus are built in one place, which the tests have.
    "bench/nodes.py": {"bench", "dev", "scripts.distribution", "tests.support.cluster", "tests.support.given_server"},
    "tests": {"tests", "api", "lib", "serving", "dev", "scripts", "migrations.env"},
    "tests/legacy": {"tests", "lib", "dev", "scripts", LEGACY},
}
FILES = [file.relative_to(ROOT).as_posix() for room in ROOMS for file in files_of(room)]

FORBIDDEN_LIBRARIES = {
    "lib/steps": {"falcon", "sqlalchemy", "psycopg", "jwt"},
    "lib/db": {"falcon", "pydantic", "jwt"},
    "lib/http": {"sqlalchemy", "psycopg"},
}


def _files_of(room: str) -> list[Path]:
    return [ROOT / file for file in FILES if file.startswith(f"{room}/")]


def _is_within(name: str, packages: set[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def _place_of(file: str) -> str:
    return max((place for place in ALLOWED if file == place or file.startswith(f"{place}/")), key=len)


def _not_allowed(file: str) -> list[str]:
    """What a file imports of this project although its place may not."""
    ours = [name for name in imported_names(ROOT / file) if room_of(name.replace(".", "/"))]
    return [name for name in ours if not _is_within(name, ALLOWED[_place_of(file)])]


def test_each_room_imports_what_it_may() -> None:
    """Requests go from api to lib.http, lib.db and lib.steps, and nothing imports upward; lib knows no other room."""
    for file in FILES:
        assert _not_allowed(file) == [], file


def test_the_drawing_is_what_the_code_gives() -> None:
    """docs/ROOMS.md shows the rooms and arrows of today: `make drawing` writes it anew."""
    assert DRAWING.read_text() == drawing()


@pytest.mark.parametrize("room", FORBIDDEN_LIBRARIES)
def test_each_layer_keeps_to_its_libraries(room: str) -> None:
    """No HTTP and no SQL in the rules, no HTTP in the database's package, no SQL in the HTTP layer."""
    for path in _files_of(room):
        assert not [name for name in imported_names(path) if _is_within(name, FORBIDDEN_LIBRARIES[room])], path


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
