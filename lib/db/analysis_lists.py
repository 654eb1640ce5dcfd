"""The list of a user's analyses, newest first, in pages. What was crawled is not in it."""

from datetime import datetime
from typing import Any, TypedDict

from lib.db.compiled import query
from lib.db.database import Database


class ListedAnalysis(TypedDict):
    """An analysis in the list. `fields` is null where they are too large for it.

    `found` is how many there are from the beginning of the page on, up to one more than were asked for.
    """

    id: int
    website_url: str
    analysis_date: datetime
    status: str
    fields: dict[str, Any] | None
    found: int


_READ = query("analysis_lists.READ", ListedAnalysis)


def read(database: Database, user_id: str, limit: int, before: int | None) -> tuple[list[ListedAnalysis], bool]:
    """The newest analyses, or those that follow the one with the id `before`; and whether there are more."""
    rows = database.read(user_id, _READ(most=limit + 1, before=before))
    shown = rows[:limit]
    return shown, bool(rows) and rows[0]["found"] > len(shown)
