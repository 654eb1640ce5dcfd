"""Rewrites a SQLite CREATE TABLE statement as text, so that everything it says but the asked change is kept.

SQLite keeps the statement a table was made with; rebuilding it from `PRAGMA table_info` would lose CHECK
constraints, collations and the names of constraints.
"""

import re
from collections.abc import Iterator

_TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*(?:\n|\Z)|/\*.*?(?:\*/|\Z))
    |(?P<quoted>'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])
    |(?P<word>[^\W\d]\w*)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
# What may follow a column's type (https://sqlite.org/syntax/column-constraint.html).
_AFTER_TYPE = frozenset(
    ("CONSTRAINT", "PRIMARY", "NOT", "NULL", "UNIQUE", "CHECK", "DEFAULT", "COLLATE", "REFERENCES", "GENERATED", "AS")
)


class UnreadableDDL(ValueError):
    """The statement is not a CREATE TABLE with the column that was asked for."""


class _Token:
    __slots__ = ("end", "kind", "start", "text")

    def __init__(self, match: re.Match[str]) -> None:
        self.kind = match.lastgroup or "other"
        self.text = match.group()
        self.start, self.end = match.span()

    @property
    def name(self) -> str | None:
        """The identifier that the token names, unquoted; None for anything else."""
        if self.kind == "word":
            return self.text
        if self.kind == "quoted" and self.text[0] != "'":
            quote = self.text[-1]
            return self.text[1:-1].replace(quote * 2, quote)
        return None

    def is_word(self, words: frozenset[str]) -> bool:
        return self.kind == "word" and self.text.upper() in words


def quoted(name: str) -> str:
    """Quote `name` as an SQL identifier, for SQLite and Postgres alike."""
    return '"' + name.replace('"', '""') + '"'


def retyped(sql: str, column: str, new_type: str, new_name: str) -> str:
    """Call the table of `sql` `new_name` and make `column` of type `new_type`; all else stays letter for letter.

    Raises UnreadableDDL when there is no such column.
    """
    tokens = [token for token in map(_Token, _TOKEN.finditer(sql)) if token.kind != "space"]
    name_start, name_end, body = _table_name(tokens)
    for definition in _definitions(tokens[body + 1 :]):
        if (definition[0].name or "").lower() == column.lower():
            start, end = _type_span(definition)
            head = sql[:name_start] + quoted(new_name) + sql[name_end:start]
            return f"{head.rstrip()} {new_type}{sql[end:]}"
    raise UnreadableDDL(f"no column {column} in the table's definition")


def _table_name(tokens: list[_Token]) -> tuple[int, int, int]:
    """Find start and end of the table's name in the text, and the place of the opening bracket among the tokens."""
    for place, token in enumerate(tokens):
        if token.text == "(" and place:
            return tokens[place - 1].start, tokens[place - 1].end, place
    raise UnreadableDDL("not a CREATE TABLE statement with columns")


def _definitions(tokens: list[_Token]) -> Iterator[list[_Token]]:
    """Split what is between the outer brackets into columns and constraints, each with the token that ends it."""
    depth, current = 0, list[_Token]()
    for token in tokens:
        current.append(token)
        if depth == 0 and token.text in {",", ")"}:
            yield current
            current = []
            if token.text == ")":
                return
        depth += {"(": 1, ")": -1}.get(token.text, 0)


def _type_span(definition: list[_Token]) -> tuple[int, int]:
    """Find the type of a column in the text; empty and right behind the name when there is none."""
    kept = next(
        place
        for place, token in enumerate(definition)
        if place and (token.is_word(_AFTER_TYPE) or place == len(definition) - 1)
    )
    if kept == 1:
        return definition[0].end, definition[0].end
    return definition[1].start, definition[kept - 1].end
