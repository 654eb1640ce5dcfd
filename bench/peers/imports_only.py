"""The libraries that the project was asked to use, imported and not used."""

from collections.abc import Callable, Iterable
from typing import Any

import jwt
import psycopg
import pydantic
import sqlalchemy

IMPORTED = (jwt, psycopg, pydantic, sqlalchemy)


def app(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer nothing."""
    start_response("204 No Content", [])
    return []
