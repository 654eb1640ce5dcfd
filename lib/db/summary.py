"""Step 6's read: everything that the summary shows, in one statement and without the large columns."""

from collections.abc import Collection
from typing import Any

from lib.db.api_keys import StoredKeys
from lib.db.compiled import query
from lib.db.database import Database
from lib.steps.fields import BusinessFields, Json, PersonaFields, StyleFields


class SummarisedAnalysis(StyleFields):
    """The current analysis without what was crawled."""

    website_url: str
    style_patterns: Json
    style_guidelines: Json


class SummaryRow(StoredKeys):
    """All that is stored, null where there is nothing. The times of the preferences are ISO 8601 text.

    What the summary has no room for is null and named in `too_large`; of the analysis its `website_url` is left.
    `tag` is the session's (`Progress.tag`); the rest is null where the caller knows it.
    """

    tag: str
    website_analysis: SummarisedAnalysis | None
    research_preferences: dict[str, Any] | None
    persona: PersonaFields | None
    integrations: dict[str, Any] | None
    business_info: BusinessFields | None
    too_large: list[str]


_READ = query("summary.READ", SummaryRow)


def read(database: Database, user_id: str, known: Collection[str] = ()) -> SummaryRow:
    """Everything that the summary shows, or the session's tag alone where it is among `known`."""
    return database.read(user_id, _READ(known=known))[0]
