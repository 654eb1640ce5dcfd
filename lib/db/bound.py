"""What is sent of a statement to Postgres: its text, and its values as the driver takes them."""

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from typing import Any, Literal

from lib.db.json_values import json_or_null, jsonb_or_null

type Encoding = Literal["array", "json", "jsonb"]

_ENCODE: dict[Encoding, Callable[[str, Any], Any]] = {
    "array": lambda _, value: list(value),
    "json": lambda _, value: json_or_null(value),
    "jsonb": jsonb_or_null,
}


@dataclass(frozen=True)
class Bound[Row]:
    """A statement with its values, ready to be sent. `Row` is what its rows look like, where it has any.

    `is_prepared` says that the same text is sent again and again, so that Postgres may keep it parsed and planned.
    """

    sql: str
    values: Mapping[str, Any]
    is_prepared: bool = True


@dataclass(frozen=True)
class Compiled:
    """A statement's text, the values that it has already, and the names of those that it takes."""

    sql: str
    constants: Mapping[str, Any]
    names: Set[str]
    encodings: Mapping[str, Encoding]

    def bind(self, values: Mapping[str, object]) -> Bound[Any]:
        """The statement with its values. Raises `TypeError` for one without a parameter, or the other way round."""
        if values.keys() != self.names:
            raise TypeError(f"{sorted(values.keys() ^ self.names)} in {self.sql}")
        encoded = {name: _ENCODE[encoding](name, values[name]) for name, encoding in self.encodings.items()}
        return Bound(self.sql, {**self.constants, **values, **encoded})
