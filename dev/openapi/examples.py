"""The recorded examples: one call of each operation, with what was sent and answered."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("examples.json")


@dataclass(frozen=True)
class Example:
    """A call. What was not sent, or not answered, is `...`."""

    sent: Any = ...
    answered: Any = ...

    def of_request(self) -> dict[str, Any]:
        """The member of a body's description."""
        return {} if self.sent is ... else {"example": self.sent}

    def of_answer(self) -> dict[str, Any]:
        """The member of an answer's description."""
        return {} if self.answered is ... else {"example": self.answered}


@cache
def examples() -> dict[str, Example]:
    """The examples by method and path, as the description writes it."""
    recorded = json.loads(FILE.read_text()) if FILE.exists() else {}
    return {name: Example(call.get("sent", ...), call.get("answered", ...)) for name, call in recorded.items()}
