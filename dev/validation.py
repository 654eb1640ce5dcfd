"""What a developer chose, examined before anything starts: a wrong value is refused, a misspelt name is told of."""

from __future__ import annotations

import sys
from difflib import get_close_matches

from dev.choices import ENV_FILE, ChoiceError, Choices
from dev.settings import SETTINGS
from lib.config import Settings
from lib.configuration import faults

_LIKENESS = 0.8
"""How like a setting's name another name is, at least, to count as that one misspelt: difflib's ratio."""


def validated(choices: Choices) -> Choices:
    """The same choices, which the functions can use. Raises ChoiceError."""
    tell_misspelt_names(choices)
    if reason := next(iter(faults(Settings(choices.settings)).values()), None):
        raise ChoiceError(f"{_origin_of(reason, choices)}: {reason}")
    return choices


def tell_misspelt_names(choices: Choices) -> None:
    """Write a line to standard error for each name in the file that looks like that of a setting not chosen."""
    absent = [name for name in SETTINGS if name not in choices.settings]
    for name in choices.other_names:
        for meant in get_close_matches(name.upper(), absent, n=1, cutoff=_LIKENESS):
            print(f"{ENV_FILE.name} sets {name}, which nothing reads: did you mean {meant}?", file=sys.stderr)


def _origin_of(reason: str, choices: Choices) -> str:
    """Where the variable that a reason begins with was set."""
    return choices.origin(reason.split(maxsplit=1)[0])
