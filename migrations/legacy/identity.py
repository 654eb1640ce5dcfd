"""Whom an old row or file belongs to. Pure rules; the known ids themselves are in `migrations.legacy.index`."""

import re
from hashlib import sha256

FILE_NAME = re.compile(r"\.onboarding_progress_(?P<user>.+)\.json", re.DOTALL)
GLOBAL_FILE = ".onboarding_progress.json"
MAX_ID_CHARACTERS = 255

_HASH_MODULUS = 2147483647


def user_hash(user_id: str) -> int:
    """The number that the old system stored in place of a Clerk id."""
    return int(sha256(user_id.encode("utf-8", "surrogatepass")).hexdigest()[:8], 16) % _HASH_MODULUS


def safe_name(user_id: str) -> str:
    """The Clerk id as it stands in a progress file's name."""
    return "".join(character if character.isalnum() or character in "-_" else "_" for character in user_id)


def as_old_number(value: object) -> int | None:
    """The number that an old reference is, also when it stands there as text or as 3.0; None for a text id."""
    text = str(value).strip()
    if re.fullmatch(r"-?\d{1,19}(?:\.0)?", text, re.ASCII):
        return int(text.removesuffix(".0"))
    return None


def is_user_id(value: object) -> bool:
    """Whether a text can be a Clerk user's id, as the new tables take it."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= MAX_ID_CHARACTERS
        and value.strip() == value
        and as_old_number(value) is None
        and value.isprintable()
    )
