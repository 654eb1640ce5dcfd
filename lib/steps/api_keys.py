"""Step 1: which keys a payload brings, and what each provider's key looks like."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lib.errors import FieldError, InvalidData
from lib.steps.providers import AI_PROVIDERS, PROVIDERS, canonical

MAX_KEY_CHARACTERS = 4096
_SHORTEST_MASKED_IN_PART = 12
_SHORTEST_SEARCHED_FOR = 8  # a shorter "key" is an ordinary word, and masking it would spoil the text around it

# Providers' keys are longer, or have digits among their letters.
_PLAIN_NAME = re.compile(r"[A-Za-z_-]{1,32}|[\w?-]{1,20}")
_MASKED = re.compile(r"(?:.{4})?…(?:.{4})?", re.DOTALL)
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

_FORMATS: dict[str, tuple[Callable[[str], object], str]] = {
    "gemini": (lambda key: key.startswith("AIza"), "must start with AIza, as Gemini keys do"),
    "exa": (_UUID.fullmatch, "must be a UUID such as 01234567-89ab-cdef-0123-456789abcdef, as Exa keys are"),
    "copilotkit": (lambda key: key.startswith("ck_pub_"), "must start with ck_pub_, as CopilotKit keys do"),
}


@dataclass(frozen=True)
class SubmittedKeys:
    """Step 1's payload: the keys to store, and what else was sent, without any key in it."""

    keys: dict[str, str]
    other_fields: dict[str, Any]


def submitted_keys(data: Mapping[str, Any]) -> SubmittedKeys:
    """Validate step 1's payload. Raises `InvalidData` naming each refused key's provider."""
    entries = data.get("api_keys")
    if not isinstance(entries, Mapping):
        raise InvalidData([FieldError("data.api_keys", "wrong_type", "must be an object with one key per provider")])
    keys, errors = _validated(entries)
    if errors:
        raise InvalidData(errors)
    others = {name: value for name, value in data.items() if name != "api_keys"}
    return SubmittedKeys(keys, without_secrets(others, list(keys.values())))


def missing_ai_key() -> InvalidData:
    """The error for a payload that leaves the user without a key of any AI provider."""
    return InvalidData(
        [
            FieldError(
                "data.api_keys",
                "api_key_missing",
                f"must include a key of at least one of {', '.join(AI_PROVIDERS)}",
            )
        ]
    )


def submitted_key(provider: object, key: object) -> tuple[str, str | None]:
    """Validate a single key: its provider's own name and the key, None for "unchanged". Raises `InvalidData`."""
    name = canonical(provider) if isinstance(provider, str) else None
    if name is None:
        raise InvalidData([FieldError("provider", "unknown_provider", _PROVIDER_EXPECTED)])
    if isinstance(key, str) and is_masked(key.strip()):
        return name, None
    problem = key_problem(name, key.strip() if isinstance(key, str) else key)
    if problem:
        raise InvalidData([FieldError("api_key", "invalid_key", problem)])
    return name, str(key).strip()


def key_problem(provider: str, key: object) -> str | None:
    """What is wrong with a trimmed key, in words that say what would be right; None when nothing is."""
    if not isinstance(key, str):
        return "must be a string"
    if not 1 <= len(key) <= MAX_KEY_CHARACTERS:
        return f"must have 1 to {MAX_KEY_CHARACTERS} characters"
    if not key.isprintable() or any(character.isspace() for character in key):
        return "must be printable characters without spaces"
    fits, expected = _FORMATS.get(provider, (bool, ""))
    return None if fits(key) else expected


def masked(key: str) -> str:
    """The key as anybody may see it: the first 4 and last 4 characters around `…`, or `…` alone for a short one."""
    return "…" if len(key) < _SHORTEST_MASKED_IN_PART else f"{key[:4]}…{key[-4:]}"


def shown_name(name: str) -> str:
    """A member's name as an error may show it: somebody who swaps name and value must not find the key in there."""
    return name if _PLAIN_NAME.fullmatch(name) else masked(name)


def is_masked(key: str) -> bool:
    """Whether this is a masked key sent back, which means "unchanged"."""
    return _MASKED.fullmatch(key) is not None


def without_secrets(value: Any, secrets: list[str]) -> Any:
    """The value with every one of the secrets in it masked, wherever in it they stand, names of members included."""
    if isinstance(value, str):
        for secret in (secret for secret in secrets if len(secret) >= _SHORTEST_SEARCHED_FOR):
            value = value.replace(secret, masked(secret))
        return value
    if isinstance(value, dict):
        return {without_secrets(name, secrets): without_secrets(item, secrets) for name, item in value.items()}
    if isinstance(value, list):
        return [without_secrets(item, secrets) for item in value]
    return value


_PROVIDER_EXPECTED = f"must be one of {', '.join(PROVIDERS)}"


def _validated(entries: Mapping[str, Any]) -> tuple[dict[str, str], list[FieldError]]:
    keys: dict[str, str] = {}
    errors: list[FieldError] = []
    for name, value in entries.items():
        provider = canonical(name)
        key = value.strip() if isinstance(value, str) else value
        if provider is None:
            field = f"data.api_keys.{shown_name(name)}"
            message = f"is not supported: the provider {_PROVIDER_EXPECTED}"
            errors.append(FieldError(field, "unknown_provider", message))
        elif key is None or key == "" or (isinstance(key, str) and is_masked(key)):
            continue
        elif problem := key_problem(provider, key):
            errors.append(FieldError(f"data.api_keys.{name}", "invalid_key", problem))
        elif provider == name or provider not in keys:
            keys[provider] = key
    return keys, errors
