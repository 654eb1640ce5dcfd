from __future__ import annotations

import ast
from pathlib import Path

from dev.settings import ROOT


def test_every_test_states_the_behaviour_it_protects() -> None:
    """A failing test's docstring tells what is broken for whom."""
    silent = [f"{file.relative_to(ROOT)}: {test}" for file in _test_files() for test in _tests_without_docstring(file)]
    assert silent == []


def _test_files() -> list[Path]:
    return sorted((ROOT / "tests").glob("*/test_*.py"))


def _tests_without_docstring(file: Path) -> list[str]:
    functions = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef)]
    return [node.name for node in functions if node.name.startswith("test_") and not ast.get_docstring(node)]
