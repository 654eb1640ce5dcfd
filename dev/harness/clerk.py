"""Session tokens as Clerk issues them, and as nobody should."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dev.settings import SigningKey, session_claims


@dataclass(frozen=True)
class TokenFactory:
    """`token("user_a", exp=0)` is a signed token; a claim of None is left out, others replace the usual ones."""

    key: SigningKey

    def __call__(self, user_id: str, *, key: SigningKey | None = None, **claims: Any) -> str:
        """Sign with `key` in place of the session's when given."""
        merged = {**session_claims(user_id, lifetime=60), **claims}
        return (key or self.key).sign({name: value for name, value in merged.items() if value is not None})
