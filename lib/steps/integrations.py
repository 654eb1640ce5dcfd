"""Step 5: any object; what operators ask for of it is taken out where it has the expected type."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Integrations:
    """The columns of step 5's own table."""

    connected_platforms: list[Any] | None
    primary_website: str | None
    email: str | None


def integrations(data: Mapping[str, Any]) -> Integrations:
    """Take the typed fields out of step 5's payload."""
    platforms, website, email = (data.get(name) for name in ("connectedPlatforms", "primaryWebsite", "email"))
    return Integrations(
        platforms if isinstance(platforms, list) else None,
        website if isinstance(website, str) else None,
        email if isinstance(email, str) else None,
    )
