"""JSON values as Postgres takes them."""

import re

from lib.errors import FieldError, InvalidData
from lib.json_text import dumps

MAX_DIGITS_WRITTEN_OUT = 4 * 1024 * 1024
_EXPONENT = re.compile(r"(?<=\de)[+-]?(\d{1,4})")


def json_or_null(value: object) -> str | None:
    """JSON text for a JSON column, SQL's NULL for None."""
    return None if value is None else dumps(value)


def jsonb_or_null(name: str, value: object) -> str | None:
    """JSON text for the JSONB column `name`, SQL's NULL for None.

    Raises `InvalidData` where Postgres would write the numbers out many times larger than they were sent: JSONB has
    no exponents, so a body of 4 MiB could come back as hundreds.
    """
    encoded = json_or_null(value)
    if encoded and sum(map(int, _EXPONENT.findall(encoded))) > MAX_DIGITS_WRITTEN_OUT:
        raise InvalidData([FieldError(f"data.{name}", "too_large", "holds too many very large or very small numbers")])
    return encoded
