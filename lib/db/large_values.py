"""Sends the large values of a write before it takes the user's lock.

A pipeline is executed as it arrives. Were the lock taken first, a write that gets stuck on the line would hold it for
as long as Postgres waits for the rest; so what takes long to arrive comes first, as settings of the transaction.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from lib.db.bound import Bound

LARGE_CHARACTERS = 200


def values_first(statements: Sequence[Bound[Any]]) -> tuple[list[Bound[Any]], list[Bound[Any]]]:
    """What to send before the lock, and the statements to send after it, which read the large values from settings."""
    names: dict[str, str] = {}
    small = [_without_large_values(statement, names) for statement in statements]
    return ([_settings(names)] if names else []), small


def _without_large_values(statement: Bound[Any], names: dict[str, str]) -> Bound[Any]:
    large = [name for name, value in statement.values.items() if _is_large(statement, name, value)]
    if not large:
        return statement
    sql, values = statement.sql, dict(statement.values)
    for name in large:
        setting = names.setdefault(values.pop(name), f"app.value_{len(names)}")
        sql = sql.replace(f"%({name})s::", f"current_setting('{setting}')::")
    return Bound(sql, values)


def _is_large(statement: Bound[Any], name: str, value: object) -> bool:
    # SQLAlchemy casts every parameter of a table's column; one without a cast has no type but the value's own.
    if not isinstance(value, str) or len(value) <= LARGE_CHARACTERS:
        return False
    return statement.sql.count(f"%({name})s") == statement.sql.count(f"%({name})s::")


def _settings(names: Mapping[str, str]) -> Bound[Any]:
    # The comparison keeps the value from being sent back.
    set_each = ", ".join(
        f"set_config('{setting}', %(value_{number})s, true) IS NULL" for number, setting in enumerate(names.values())
    )
    return Bound(f"SELECT {set_each}", {f"value_{number}": value for number, value in enumerate(names)})
