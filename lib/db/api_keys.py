"""Step 1's table: keys as ciphertext. Encrypting and decrypting is `lib.db.encryption`'s."""

from collections.abc import Mapping, Sequence

from sqlalchemy import text

from lib.db import steps
from lib.db.database import Database, Row
from lib.db.writing import ACCOUNT, ENSURE_SESSION, json_or_null, step_statement, written

_UPSERT = """
    keys AS (
        INSERT INTO api_keys AS k (user_id, session_id, provider, encrypted_key, details)
        SELECT :user_id, session.id, new.provider, new.encrypted_key, new.details
        FROM session, unnest(CAST(:providers AS text[]), CAST(:encrypted_keys AS bytea[]), CAST(:details AS json[]))
             AS new (provider, encrypted_key, details)
        ON CONFLICT (user_id, provider) DO UPDATE
        SET encrypted_key = excluded.encrypted_key, details = COALESCE(excluded.details, k.details), updated_at = now()
    )"""

# Without a new key of an AI provider in the payload, one must be stored already.
_SAVE_STEP = step_statement(
    _UPSERT,
    condition="""account.exists AND (:brings_required_key OR EXISTS (
            SELECT FROM api_keys WHERE user_id = :user_id AND provider = ANY(:required_providers)))""",
)

_SAVE_ONE = text(f"WITH {ACCOUNT}, {ENSURE_SESSION}, {_UPSERT} SELECT account.exists FROM account")

_DELETE = text(
    f"""
    WITH {ACCOUNT},
    deleted AS (DELETE FROM api_keys WHERE user_id = :user_id AND provider = :provider)
    SELECT account.exists FROM account
    """
)

_READ = text("SELECT provider, encrypted_key FROM api_keys WHERE user_id = :user_id ORDER BY provider")

_READ_WITH_STEP = text(
    """
    SELECT t.status, t.completed_at, t.data, t.validation_errors,
           ARRAY(SELECT provider FROM api_keys WHERE user_id = :user_id ORDER BY provider) AS providers,
           ARRAY(SELECT encrypted_key FROM api_keys WHERE user_id = :user_id ORDER BY provider) AS encrypted_keys
    FROM (SELECT) AS always
    LEFT JOIN onboarding_steps t ON t.user_id = :user_id AND t.step_number = 1
    """
)


def save_step(
    database: Database,
    user_id: str,
    data: object,
    validation_errors: list[object],
    encrypted_keys: Mapping[str, bytes],
    required_providers: Sequence[str],
) -> Row | None:
    """Complete step 1; `data` is the payload without its keys. None where no key of `required_providers` is left."""
    row = steps.save(
        database,
        user_id,
        1,
        data,
        validation_errors,
        statement=_SAVE_STEP,
        brings_required_key=any(provider in required_providers for provider in encrypted_keys),
        required_providers=list(required_providers),
        **_arrays(encrypted_keys, None),
    )
    return row if row["current_step"] is not None else None


def save_one(database: Database, user_id: str, provider: str, encrypted_key: bytes, details: object | None) -> None:
    """Store one key."""
    written(database, user_id, _SAVE_ONE, **_arrays({provider: encrypted_key}, details))


def delete(database: Database, user_id: str, provider: str) -> None:
    """Forget one key, if there is one."""
    written(database, user_id, _DELETE, provider=provider)


def read(database: Database, user_id: str) -> dict[str, bytes]:
    """Ciphertext by provider."""
    return {row["provider"]: row["encrypted_key"] for row in database.read(user_id, _READ)}


def read_with_step(database: Database, user_id: str) -> tuple[dict[str, bytes], Row]:
    """Ciphertext by provider, and step 1's status (or null), completed_at, data and validation_errors."""
    row = database.read(user_id, _READ_WITH_STEP)[0]
    return dict(zip(row["providers"], row["encrypted_keys"], strict=True)), row


def _arrays(encrypted_keys: Mapping[str, bytes], details: object | None) -> dict[str, list[object]]:
    return {
        "providers": list(encrypted_keys),
        "encrypted_keys": list(encrypted_keys.values()),
        "details": [json_or_null(details) for _ in encrypted_keys],
    }
