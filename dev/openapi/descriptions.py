"""What a class says of its fields: the text behind each of them."""

from __future__ import annotations

import ast
import importlib
import inspect
import itertools
import textwrap
import types
from functools import cache
from typing import Any, TypeAliasType


@cache
def field_descriptions(of: Any) -> dict[str, str]:
    """The text behind each field of a class and of its bases; the class's own goes before that of a base."""
    found: dict[str, str] = {}
    for base in types.get_original_bases(of):
        if isinstance(base, type) and base.__module__.partition(".")[0] in {"lib", "dev"}:
            found |= field_descriptions(base)
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(of))).body
    return found | _texts(tree.body) if isinstance(tree, ast.ClassDef) else found


@cache
def alias_description(alias: TypeAliasType) -> str | None:
    """The text behind a `type X = …` of a module."""
    module = importlib.import_module(str(alias.__module__))
    return _texts(ast.parse(inspect.getsource(module)).body).get(alias.__name__)


def class_description(of: type) -> str:
    """The class's own docstring on one line."""
    return one_line(of.__doc__ or "")


def one_line(text: str) -> str:
    """The text without the line breaks of its source; an empty line stays one."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _texts(body: list[ast.stmt]) -> dict[str, str]:
    """By name, the string that stands right behind a field or an alias."""
    found = {}
    for statement, behind in itertools.pairwise(body):
        name = _name(statement)
        if name and isinstance(behind, ast.Expr) and isinstance(behind.value, ast.Constant):
            found[name] = one_line(str(behind.value.value))
    return found


def _name(statement: ast.stmt) -> str | None:
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return statement.target.id
    return statement.name.id if isinstance(statement, ast.TypeAlias) else None
