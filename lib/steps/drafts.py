"""What a draft may hold: any object, but no API key in step 1's."""

from collections.abc import Mapping
from typing import Any

from lib.errors import FieldError, InvalidData
from lib.steps.api_keys import LIKE_A_SECRET, masked
from lib.steps.definitions import API_KEYS, StepDefinition
from lib.steps.providers import canonical

_KEYS = "api_keys"
_MEMBERS_OF_KEYS = {"apikeys", "apikey"}


def draft_data(step: StepDefinition, data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The draft as it may be stored. Raises `InvalidData` for API keys in step 1's.

    Whatever else looks like a key there is masked: keys are stored encrypted, and a draft is not.
    """
    if step != API_KEYS:
        return data
    if _KEYS in data:
        message = "must not be in a draft: save keys with POST /api/onboarding/api-keys"
        raise InvalidData([FieldError(f"data.{_KEYS}", "contains_key", message)])
    masked_data: Mapping[str, Any] = _without_keys(data)
    return masked_data


def _without_keys(value: Any) -> Any:
    if isinstance(value, str):
        return LIKE_A_SECRET.sub(lambda found: masked(found[0]), value)
    if isinstance(value, list):
        return [_without_keys(item) for item in value]
    if isinstance(value, dict):
        return {
            _without_keys(name): _all_masked(item) if _holds_keys(name) else _without_keys(item)
            for name, item in value.items()
        }
    return value


def _holds_keys(name: str) -> bool:
    return name.replace("_", "").lower() in _MEMBERS_OF_KEYS or canonical(name) is not None


def _all_masked(value: Any) -> Any:
    """The value with every text in it masked, however short."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, list):
        return [_all_masked(item) for item in value]
    return (
        {_without_keys(name): _all_masked(item) for name, item in value.items()} if isinstance(value, dict) else value
    )
