"""Step 1's table: keys as ciphertext. Encrypting and decrypting is `lib.db.encryption`'s."""

from collections.abc import Collection, Mapping
from typing import Any, TypedDict

from lib.db import sessions, steps
from lib.db.bound import Bound
from lib.db.compiled import query, statement
from lib.db.database import Database
from lib.db.events import event_values, happened
from lib.db.guards import has_key_of, still_has_key
from lib.steps.definitions import API_KEYS, Status
from lib.steps.progress import Progress
from lib.steps.providers import AI_PROVIDERS


class StoredKeys(TypedDict):
    """The ciphertext of every key, in the order of the providers."""

    providers: list[str]
    encrypted_keys: list[bytes]


class StepOfKeys(TypedDict):
    """Step 1 without its keys. Times are ISO 8601 text, and the draft is JSON text."""

    status: Status
    completed_at: str | None
    data: dict[str, Any] | None
    validation_errors: list[Any]
    draft: str | None
    draft_saved_at: str | None
    version: int


class KeysWithStep(StoredKeys):
    """The keys, and step 1; null where it was never touched."""

    step: StepOfKeys | None


_SAVE = statement("api_keys.SAVE")
_DELETE = statement("api_keys.DELETE")
_SHOW_SAVED = statement("api_keys.SHOW_SAVED")
_SHOW_DELETED = statement("api_keys.SHOW_DELETED")
_EVENT_DELETED = statement("api_keys.EVENT_DELETED")
_EVENT_REVEALED = statement("api_keys.EVENT_REVEALED")
_REOPEN = statement("api_keys.REOPEN")
_READ = query("api_keys.READ", StoredKeys)
_READ_WITH_STEP = query("api_keys.READ_WITH_STEP", KeysWithStep)


def complete_step(
    database: Database,
    user_id: str,
    data: object,
    validation_errors: list[object],
    encrypted_keys: Mapping[str, bytes],
    unchanged_keys: Mapping[str, bytes],
    *,
    if_match: Collection[int] | None,
) -> Progress:
    """Complete step 1; `data` is the payload without its keys. Both kinds of keys are ciphertext by provider.

    Raises `InvalidData`, and stores nothing, where the user would be left without a key of an AI provider, or where one
    of `unchanged_keys` is no longer stored.
    """
    unchanged = [still_has_key(provider, key) for provider, key in unchanged_keys.items()]
    also = [*unchanged, *_saved(encrypted_keys, None), has_key_of(AI_PROVIDERS)]
    return steps.complete(database, user_id, API_KEYS, data, validation_errors, also, if_match=if_match)


def save(database: Database, user_id: str, provider: str, encrypted_key: bytes, details: object | None) -> None:
    """Store one key. A key of an AI provider finishes step 1."""
    finishes = provider in AI_PROVIDERS
    begin = (
        [*sessions.advanced(API_KEYS), *steps.finished(API_KEYS)] if finishes else [*sessions.ensured(), _SHOW_SAVED()]
    )
    database.write(user_id, [*begin, *_saved({provider: encrypted_key}, details)])


def remove(database: Database, user_id: str, provider: str) -> None:
    """Delete one key, if there is one. Step 1 is pending again once no key of an AI provider is left."""
    event = _EVENT_DELETED(provider=provider, **event_values("key.deleted", API_KEYS, provider=provider))
    shown = _SHOW_DELETED(provider=provider)
    database.write(user_id, [*sessions.changed(), event, shown, _DELETE(provider=provider), _REOPEN()])


def read(database: Database, user_id: str) -> dict[str, bytes]:
    """Ciphertext by provider."""
    return by_provider(database.read(user_id, _READ())[0])


def reveal(database: Database, user_id: str, actor: str | None) -> dict[str, bytes]:
    """As `read`, for somebody who is shown the keys whole: the user, or an `actor` signed in as the user."""
    detail = {"actor": actor} if actor else {}
    event = _EVENT_REVEALED(**event_values("keys.revealed", API_KEYS, **detail))
    return by_provider(database.note_and_read(user_id, event, _READ())[0])


def read_with_step(database: Database, user_id: str) -> KeysWithStep:
    """The keys, and step 1."""
    return database.read(user_id, _READ_WITH_STEP())[0]


def by_provider(row: StoredKeys) -> dict[str, bytes]:
    """The row's ciphertext by provider."""
    return dict(zip(row["providers"], row["encrypted_keys"], strict=True))


def _saved(encrypted_keys: Mapping[str, bytes], details: object | None) -> list[Bound[Any]]:
    return [
        statement
        for provider, key in encrypted_keys.items()
        for statement in (
            _SAVE(provider=provider, encrypted_key=key, details=details),
            happened("key.saved", API_KEYS, provider=provider),
        )
    ]
