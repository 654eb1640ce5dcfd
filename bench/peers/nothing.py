"""The floor: what the interpreter and the platform's runtime take by themselves."""

from collections.abc import Callable, Iterable
from typing import Any


def app(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer nothing."""
    start_response("204 No Content", [])
    return []
