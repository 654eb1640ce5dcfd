"""Fields of a payload that a step does not read, and that were probably meant to be one that it does."""

from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import Any

from lib.errors import MAX_FIELD_CHARACTERS, FieldError
from lib.steps.api_keys import shown_name
from lib.steps.definitions import STEPS, StepDefinition

MAX_WARNINGS = 20
_NAMES_LOOKED_AT = 200  # of one object, since a payload may have a hundred thousand
_LONGEST_NAME = 64  # characters
_SHORTEST_NAME = 4

_EVERY_NAME = {name for step in STEPS for name in step.fields} | {
    name for step in STEPS for _, names in step.nested for name in names
}


def unread_fields(step: StepDefinition, number: int, data: Mapping[str, Any]) -> list[FieldError]:
    """A warning for each name that misses a known one by case, underscores or one letter; 20 at most."""
    return list(islice(_warnings(step, number, data), MAX_WARNINGS))


def _warnings(step: StepDefinition, number: int, data: Mapping[str, Any]) -> Iterator[FieldError]:
    # A step that reads nothing may get what another one reads.
    objects = [("data", data, step.fields or sorted(_EVERY_NAME))]
    objects += [
        (f"data.{name}", nested, names) for name, names in step.nested if isinstance(nested := data.get(name), Mapping)
    ]
    for path, sent, known in objects:
        for name in islice(sent, _NAMES_LOOKED_AT):
            if meant := _meant(name, known):
                field = f"{path}.{shown_name(name)}"[:MAX_FIELD_CHARACTERS]
                message = f"Step {number} does not read this field. Did you mean {meant}?"
                yield FieldError(field, "unread_field", message)


def _meant(name: str, known: Collection[str]) -> str | None:
    """The known name that was probably meant; None for a name that some step reads, or that resembles none."""
    if name in _EVERY_NAME or not _SHORTEST_NAME <= len(name) <= _LONGEST_NAME:
        return None
    plain = _plain(name)
    same = next((other for other in known if _plain(other) == plain), None)
    return same or next((other for other in known if _differs_by_one(_plain(other), plain)), None)


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def _differs_by_one(one: str, other: str) -> bool:
    """Whether one letter is replaced, missing or too many."""
    if abs(len(one) - len(other)) > 1:
        return False
    start = next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(min(one, other, key=len))
    )
    return (
        other[start + 1 :] == one[start + 1 :] or other[start + 1 :] == one[start:] or other[start:] == one[start + 1 :]
    )
