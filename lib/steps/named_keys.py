"""Stored keys that somebody names in another field, where they would be kept in the clear. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping

from lib.errors import FieldError, Refusals
from lib.steps.api_keys import SHORTEST_SEARCHED_FOR, shown_name

# As long as a key and not simply a word, with punctuation behind it.
_COULD_BE_KEY = re.compile(rf"(?<!\S)(?![^\W\d_]{{1,20}}[.,:;!?)]*(?!\S))\S{{{SHORTEST_SEARCHED_FOR},}}")


def could_name_keys(value: object) -> bool:
    """Whether any text in the value looks like a key, so that it has to be compared with the stored ones."""
    return any(_COULD_BE_KEY.search(text) for text, _ in _texts(value, ""))


def refuse_named_keys(fields: Mapping[str, object], stored: Iterable[str]) -> None:
    """Raises `InvalidData` where a field, or a name in it, holds one of the stored keys."""
    keys = [key for key in stored if len(key) >= SHORTEST_SEARCHED_FOR]
    refusals = Refusals()
    for text, path in _texts(fields, ""):
        if any(key in text for key in keys):
            message = "contains a stored API key: remove it, keys are kept encrypted and nowhere else"
            refusals.add(lambda: FieldError(path, "contains_key", message))  # noqa: B023 - called at once or never
    refusals.raise_if_any()


def _texts(value: object, path: str) -> Iterator[tuple[str, str]]:
    """Each string and each member's name in the value, with its path."""
    if isinstance(value, str):
        yield value, path
    elif isinstance(value, Mapping):
        for name, item in value.items():
            here = f"{path}.{shown_name(name)}" if path else shown_name(name)
            yield name, here
            yield from _texts(item, here)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, f"{path}.{index}")
