"""How much may be stored and answered. Sizes are bytes of JSON text in UTF-8, without blanks, as it is stored."""

from lib.errors import FieldError, LimitReached, PayloadTooLarge
from lib.json_text import dumps

KIB = 1024

MAX_DATA_BYTES = 1024 * KIB
"""The `data` of a step, the fields of an analysis or of a persona in one request, and what is kept of an AI answer."""

MAX_NOTES_BYTES = 64 * KIB
"""What is sent beside: a step's `validation_errors`, the other fields of an API key, and business information."""

MAX_ROW_BYTES = 3 * 1024 * KIB
"""An analysis or a persona as all requests together made it, so that its own URL can show it whole."""

MAX_ANSWER_BYTES = 4_000_000
"""What answers that combine several stored values stay under. Vercel takes 4.5 MB."""

MAX_WEBSITES = 200
MAX_STORED_BYTES = 32 * 1024 * KIB
"""All of a user's stored values, as Postgres keeps them: after its compression."""


def json_bytes(value: object) -> int:
    """The size of the value as it is stored."""
    text = dumps(value)
    return len(text) if text.isascii() else len(text.encode())


def refuse_too_large(field: str, value: object, limit: int = MAX_DATA_BYTES) -> None:
    """Raises `PayloadTooLarge` where the value takes more than `limit` bytes."""
    if json_bytes(value) > limit:
        raise too_large(field, limit)


def too_large(field: str, limit: int = MAX_ROW_BYTES) -> PayloadTooLarge:
    """The error for a value of more than `limit` bytes."""
    return PayloadTooLarge([FieldError(field, "too_large", f"must take at most {limit // KIB} KiB as JSON")])


def too_many_websites() -> LimitReached:
    """The error for one website more than a user may have."""
    return LimitReached(
        f"You have {MAX_WEBSITES} website analyses, the most that one account can keep. "
        "Delete one that you no longer need, and try again."
    )


def too_much_stored() -> LimitReached:
    """The error for more data than a user may have."""
    return LimitReached(
        f"Your account holds {MAX_STORED_BYTES // KIB // KIB} MiB of data, the most that one account can keep. "
        "Delete website analyses that you no longer need, or send less, and try again."
    )
