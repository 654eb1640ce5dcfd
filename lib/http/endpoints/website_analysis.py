"""Step 2, and the analyses of earlier websites."""

import re
from typing import Any

from lib.db import website_analyses
from lib.db.database import Row
from lib.errors import NotFound
from lib.http.app import Call, Route
from lib.http.rendering import time_text
from lib.http.step_routes import Submission, saved_to_database, step_routes
from lib.steps.summary import style_analysis

_TIMES = ("analysis_date", "created_at", "updated_at")
_ANALYSIS_ID = re.compile(r"\d{1,18}", re.ASCII)


def current(call: Call) -> dict[str, Any] | None:
    """The newest analysis, or null: a 404 would blank the wizard's whole page."""
    row = website_analyses.current(call.database, call.user.id)
    return None if row is None else _document(row)


def check_existing(call: Call) -> dict[str, Any]:
    """Whether exactly this website was analysed before."""
    row = website_analyses.by_url(call.database, call.user.id, call.parameters["website"].strip())
    if row is None:
        return {"exists": False}
    return {
        "exists": True,
        "analysis_date": time_text(row["analysis_date"]),
        "analysis_id": row["id"],
        "summary": {name: row[name] for name in ("writing_style", "target_audience", "content_type")},
    }


def by_id(call: Call) -> dict[str, Any]:
    """One analysis with all its columns."""
    wanted = call.parameters["analysis_id"]
    row = website_analyses.by_id(call.database, call.user.id, int(wanted)) if _ANALYSIS_ID.fullmatch(wanted) else None
    if row is None:
        raise NotFound("There is no such analysis.")
    return {"success": True, "analysis": {**row, **{name: time_text(row[name]) for name in _TIMES}}}


def list_all(call: Call) -> dict[str, Any]:
    """Every analysis of this user, newest first."""
    rows = website_analyses.all_of(call.database, call.user.id)
    return {"success": True, "analyses": [_document(row) for row in rows]}


def _document(row: Row) -> dict[str, Any]:
    return {
        "website_url": row["website_url"],
        "style_analysis": style_analysis(row),
        "style_patterns": row["style_patterns"],
        "style_guidelines": row["style_guidelines"],
        "crawl_result": row["crawl_result"],
        "status": row["status"],
        "completed_at": time_text(row["analysis_date"]),
        "analysis_id": row["id"],
    }


def _save_step(call: Call, submission: Submission) -> tuple[Row, object]:
    # Here and not above: pydantic is a sixth of a cold start, and reads need none.
    from lib.steps.website_analysis import website_analysis

    data = submission.payload
    analysis = website_analysis(data)
    row = website_analyses.save(
        call.database, call.user.id, data, submission.validation_errors, analysis.website_url, analysis.columns
    )
    saved_to_database(call, "Website analysis")
    return row, data


ROUTES = [
    Route("GET", "/api/onboarding/website-analysis", current),
    Route("GET", "/api/onboarding/website_analysis", current),
    Route("GET", "/api/onboarding/style-detection/check-existing/{website:path}", check_existing),
    Route("GET", "/api/onboarding/style-detection/analysis/{analysis_id}", by_id),
    Route("GET", "/api/onboarding/style-detection/session-analyses", list_all),
    *step_routes(2, _save_step),
]
