"""What a developer chose for development: the settings of `.env.local`, and a few of the shell's.

The shell's other settings are ignored, since they may be those of a deployment; `.env.local` is this clone's own.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dotenv import dotenv_values

from dev.settings import ROOT, SETTINGS

ENV_FILE = Path(os.environ.get("ONBOARDING_ENV_FILE") or ROOT / ".env.local").absolute()
"""The developer's own file; tests of the tooling use one of theirs."""
SHELL_SETTINGS = ("AI_BACKEND_URL", "ALLOWED_ORIGINS", "ONBOARDING_FLOW")
"""What can be typed before `make dev`; it goes before the file."""
TOKEN_KEYS = ("CLERK_JWT_KEY", "CLERK_JWKS_URL")
CLERK_INSTANCE = (*TOKEN_KEYS, "CLERK_ISSUER", "CLERK_AUTHORIZED_PARTIES")
"""Those of the settings that say whose tokens pass."""


class ChoiceError(Exception):
    """The choices cannot be used. The message is one line that says what to do."""


@dataclass(frozen=True)
class Choices:
    """The chosen settings; those that have no value are left out. `other_names` are what else the file sets."""

    settings: Mapping[str, str] = field(default_factory=dict)
    from_shell: frozenset[str] = frozenset()
    other_names: tuple[str, ...] = ()

    @classmethod
    def read(cls, file: Path = ENV_FILE, shell: Mapping[str, str] = os.environ) -> Choices:
        """Read the file, which need not exist, and the shell. Raises ChoiceError."""
        typed, parsed = _with_value(shell, SHELL_SETTINGS), _parsed(file)
        others = tuple(name for name in parsed if name not in SETTINGS)
        choices = cls({**_with_value(parsed, SETTINGS), **typed}, frozenset(typed), others)
        if choices.has_own_clerk and not choices.only(TOKEN_KEYS):
            names = " and ".join(choices.only(CLERK_INSTANCE))
            raise ChoiceError(f"{file} sets {names}: add {' or '.join(TOKEN_KEYS)} of the same Clerk instance")
        return choices

    @property
    def has_own_clerk(self) -> bool:
        """Whether the tokens of the developer's Clerk instance pass in place of our own."""
        return bool(self.only(CLERK_INSTANCE))

    def only(self, names: Iterable[str]) -> dict[str, str]:
        """The chosen ones of some settings."""
        return {name: self.settings[name] for name in names if name in self.settings}

    def origin(self, name: str) -> str:
        """Where a chosen setting is from, for a person."""
        return "the shell" if name in self.from_shell else ENV_FILE.name


def _parsed(file: Path) -> Mapping[str, str | None]:
    try:
        return dotenv_values(file, interpolate=False)  # a password may hold a `$`
    except (OSError, UnicodeDecodeError) as error:
        raise ChoiceError(f"{file} cannot be read ({error}): correct it, or move it away") from error


def _with_value(values: Mapping[str, str | None], names: Iterable[str]) -> dict[str, str]:
    return {name: value for name in names if (value := (values.get(name) or "").strip())}
