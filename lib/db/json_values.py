"""JSON values as Postgres takes them."""

import re
from collections.abc import Iterable

from lib.errors import FieldError, InvalidData
from lib.json_text import dumps

MAX_DIGITS_WRITTEN_OUT = 512 * 1024

# Python writes a float's exponent with a sign and two or three digits. The quick pattern also finds what looks like one
# inside a string, so it never counts too little; the exact one, which skips strings, has the last word.
_EXPONENT_ANYWHERE = re.compile(r"e[+-](\d{2,3})")
_STRING_OR_EXPONENT = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|e[+-](\d+)')


def json_or_null(value: object) -> str | None:
    """JSON text for a JSON column, SQL's NULL for None."""
    return None if value is None else dumps(value)


def jsonb_or_null(name: str, value: object) -> str | None:
    """JSON text for the JSONB column `name`, SQL's NULL for None.

    Raises `InvalidData` where Postgres would write the numbers out many times larger than they were sent: JSONB has
    no exponents, so a body of 4 MiB could come back as hundreds.
    """
    encoded = json_or_null(value)
    if encoded and writes_out_too_many_digits(encoded):
        raise InvalidData([FieldError(f"data.{name}", "too_large", "holds too many very large or very small numbers")])
    return encoded


def writes_out_too_many_digits(encoded: str) -> bool:
    """Whether the exponents of the numbers in this JSON text, as `dumps` writes it, add up to too many digits.

    Text in strings is none of them, whatever it looks like: hashes are full of digits around an `e`.
    """
    return _sum(_EXPONENT_ANYWHERE.findall(encoded)) > MAX_DIGITS_WRITTEN_OUT and (
        _sum(filter(None, _STRING_OR_EXPONENT.findall(encoded))) > MAX_DIGITS_WRITTEN_OUT
    )


def _sum(exponents: Iterable[str]) -> int:
    return sum(map(int, exponents))
