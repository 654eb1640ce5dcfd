"""Whether the configured encryption keys are those that the target's API keys were stored under."""

from collections.abc import Sequence
from dataclasses import dataclass

from lib.db.encryption import KeyRing
from lib.db.operators import Connection, take_role

_PREFIXES = "SELECT substr(encrypted_key, 1, %s), count(*) FROM api_keys GROUP BY 1"


@dataclass(frozen=True)
class StoredKeys:
    """How many API keys the target holds, and how many of them none of the encryption keys was used for."""

    total: int
    unreadable: int

    @property
    def fit_nothing(self) -> bool:
        """Whether the encryption keys are another database's."""
        return 0 < self.total == self.unreadable


def stored_keys(connection: Connection, encryption_keys: Sequence[bytes]) -> StoredKeys:
    """Count the target's API keys, as the role that sees every user's rows. Nothing is decrypted for it."""
    known = {KeyRing((key,)).current_prefix for key in encryption_keys}
    length = max(map(len, known), default=5)
    with connection.transaction():
        take_role(connection, "onboarding_operator")
        rows = connection.execute(_PREFIXES, [length]).fetchall()
    counts = {bytes(prefix): int(count) for prefix, count in rows}
    return StoredKeys(sum(counts.values()), sum(count for prefix, count in counts.items() if prefix not in known))
