"""What was found in the old system and what the new one holds, in one shape, so that the two can be compared."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any

SESSION = "sessions"
STEP = "steps"
API_KEY = "api_keys"
ANALYSIS = "website_analyses"
PREFERENCES = "research_preferences"
PERSONA = "personas"
INTEGRATIONS = "integrations"
BUSINESS = "business_info"
KINDS = (SESSION, STEP, API_KEY, ANALYSIS, PREFERENCES, PERSONA, INTEGRATIONS, BUSINESS)

Key = tuple[str, str]
"""A kind, and what tells two of that kind apart: the step's number, the provider, the website's URL; else empty."""


class Rank(IntEnum):
    """Whose value stands when two are of the same moment. A file holds more than the rows written from it."""

    DATABASE = 0
    FILE = 1
    TARGET = 2


@dataclass(frozen=True)
class Place:
    """Where something was found, for a person: `files`, `.onboarding_progress_x.json step 2`."""

    source: str
    detail: str

    def __str__(self) -> str:
        return f"{self.source}: {self.detail}"


@dataclass(frozen=True)
class Record:
    """One thing of one user in an old source. `values` holds its field groups; a null says nothing and is left out."""

    kind: str
    key: str
    time: datetime
    values: Mapping[str, Any]
    place: Place
    rank: Rank
    created_at: datetime | None = None
    row: tuple[str, object] | None = None
    """Table and id of the database row that this is, if it is one."""

    @property
    def name(self) -> Key:
        """Kind and key."""
        return self.kind, self.key


@dataclass(frozen=True)
class Held:
    """One thing of one user as the target holds it, or shall hold it."""

    values: Mapping[str, Any]
    time: datetime
    created_at: datetime | None = None


State = Mapping[Key, Held]
"""All that the target holds of one user. A session is there exactly if the user is known."""


@dataclass(frozen=True)
class PassedOver:
    """A field group of an old record that was not taken, because `winner` is newer."""

    record: Record
    group: str
    winner: Place


@dataclass
class Found:
    """What one old source yields of one user, and what in it cannot be taken as it stands."""

    records: list[Record] = field(default_factory=list)
    broken: list[tuple[Place, str]] = field(default_factory=list)
