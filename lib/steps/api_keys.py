"""Step 1: which keys a payload brings, and what each provider's key looks like."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lib.errors import FieldError, InvalidData, Refusals
from lib.steps.providers import AI_PROVIDERS, PROVIDERS, canonical

MAX_KEY_CHARACTERS = 4096
_SHORTEST_MASKED_IN_PART = 12
SHORTEST_SEARCHED_FOR = 8  # a shorter "key" is an ordinary word, and masking it would spoil the text around it

# Providers' keys are longer, or have digits among their letters.
_PLAIN_NAME = re.compile(r"[A-Za-z_-]{1,32}|[\w?-]{1,20}")
LIKE_A_SECRET = re.compile(
    r"""
    eyJ[\w-]{4,}(?:\.[\w-]*){0,4}          # a JWT or its beginning, with all its parts, however short
    | \b[Bb]earer\ +[\w.~+/=-]{12,}         # what stands in a header
    | (?:AIza|ck_pub_|sk-|tvly-)[\w-]{4,}    # begins like the keys that the wizard asks for
    | \b(?:fc|gsk|pk|rk|sk|whsec)[-_][\w-]{12,}
    | (?<![\w-])(?=[\w-]*\d)[\w-]{20,}      # is as long as a key or a token, and unlike any word
    """,
    re.ASCII | re.VERBOSE,
)
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

_FORMATS: dict[str, tuple[Callable[[str], object], str]] = {
    "gemini": (lambda key: key.startswith("AIza"), "must start with AIza, as Gemini keys do"),
    "exa": (_UUID.fullmatch, "must be a UUID such as 01234567-89ab-cdef-0123-456789abcdef, as Exa keys are"),
    "copilotkit": (lambda key: key.startswith("ck_pub_"), "must start with ck_pub_, as CopilotKit keys do"),
}


@dataclass(frozen=True)
class SubmittedKeys:
    """Step 1's payload: the keys to store, and what else was sent, without any of these keys in it.

    `masks` are the values with a `…` by provider: each has to be the mask of the stored key, which then stays.
    """

    keys: dict[str, str]
    masks: dict[str, str]
    other_fields: dict[str, Any]


def submitted_keys(data: Mapping[str, Any]) -> SubmittedKeys:
    """Validate step 1's payload. Raises `InvalidData` naming each refused key's provider."""
    entries = data.get("api_keys")
    if not isinstance(entries, Mapping):
        raise InvalidData([FieldError("data.api_keys", "wrong_type", "must be an object with one key per provider")])
    keys, masks = _validated(entries)
    others = {name: value for name, value in data.items() if name != "api_keys"}
    return SubmittedKeys(keys, masks, without_secrets(others, list(keys.values())))


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


def submitted_key(provider: object, key: object) -> tuple[str, str]:
    """Validate a single key: its provider's own name and the trimmed key. Raises `InvalidData`.

    A key that `is_masked` has to be checked with `refuse_other_masks` yet.
    """
    name = canonical(provider) if isinstance(provider, str) else None
    if name is None:
        raise InvalidData([FieldError("provider", "unknown_provider", _PROVIDER_EXPECTED)])
    if isinstance(key, str) and is_masked(key.strip()):
        return name, key.strip()
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
    """Whether this may be a masked key sent back. No provider's key has a `…` in it."""
    return "…" in key


def refuse_other_masks(masks: Mapping[str, str], stored: Mapping[str, str], field: Callable[[str], str]) -> None:
    """Raises `InvalidData` for a mask that is not the one of its provider's stored key.

    Both are by provider; `field` gives the path of a provider's key in the body.
    """
    others = [name for name, mask in masks.items() if name not in stored or mask != masked(stored[name])]
    if others:
        raise InvalidData([FieldError(field(name), "masked_key", _WHOLE_KEY_EXPECTED) for name in others])


def key_was_replaced() -> InvalidData:
    """The error for a mask whose key was replaced or deleted while the request ran."""
    return InvalidData([FieldError("data.api_keys", "masked_key", _WHOLE_KEY_EXPECTED)])


def without_secrets(value: Any, secrets: list[str]) -> Any:
    """The value with every one of the secrets in it masked, wherever in it they stand, names of members included."""
    if isinstance(value, str):
        for secret in (secret for secret in secrets if len(secret) >= SHORTEST_SEARCHED_FOR):
            value = value.replace(secret, masked(secret))
        return value
    if isinstance(value, dict):
        return {without_secrets(name, secrets): without_secrets(item, secrets) for name, item in value.items()}
    if isinstance(value, list):
        return [without_secrets(item, secrets) for item in value]
    return value


_PROVIDER_EXPECTED = f"must be one of {', '.join(PROVIDERS)}"
_WHOLE_KEY_EXPECTED = "is a masked key, but not that of the stored one: enter the whole key"


def _validated(entries: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    keys: dict[str, str] = {}
    masks: dict[str, str] = {}
    refusals = Refusals()
    for name, value in entries.items():
        provider = canonical(name)
        key = value.strip() if isinstance(value, str) else value
        if provider is None:
            refusals.add(lambda: _unknown_provider(name))  # noqa: B023 - called at once or never
        elif key is None or key == "":
            continue
        elif problem := None if isinstance(key, str) and is_masked(key) else key_problem(provider, key):
            refusals.add(lambda: FieldError(f"data.api_keys.{shown_name(name)}", "invalid_key", problem))  # noqa: B023 - as above
        else:
            found = masks if is_masked(key) else keys
            # The provider's own name goes before an alias.
            found[provider] = key if provider == name else found.get(provider, key)
    refusals.raise_if_any()
    return keys, masks


def _unknown_provider(name: str) -> FieldError:
    message = f"is not supported: the provider {_PROVIDER_EXPECTED}"
    return FieldError(f"data.api_keys.{shown_name(name)}", "unknown_provider", message)
