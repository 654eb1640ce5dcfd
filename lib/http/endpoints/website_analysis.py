"""Step 2, and the analyses of earlier websites."""

import re
from collections.abc import Mapping
from typing import Any

from lib.db import website_analyses
from lib.db.website_analyses import Analysis
from lib.errors import NotFound
from lib.http.app import Call, Route
from lib.http.rendering import time_text, with_time_texts
from lib.http.step_routes import Submission, log_saved, step_routes
from lib.steps.definitions import WEBSITE
from lib.steps.fields import ANALYSIS_FIELDS, STYLE_FIELDS
from lib.steps.progress import Progress
from lib.steps.summary import style_analysis

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
        "summary": {
            "writing_style": row["writing_style"],
            "target_audience": row["target_audience"],
            "content_type": row["content_type"],
        },
    }


def by_id(call: Call) -> dict[str, Any]:
    """One analysis with all its columns."""
    wanted = call.parameters["analysis_id"]
    row = website_analyses.by_id(call.database, call.user.id, int(wanted)) if _ANALYSIS_ID.fullmatch(wanted) else None
    if row is None:
        raise NotFound("There is no such analysis.")
    return {"success": True, "analysis": with_time_texts(row)}


def list_all(call: Call) -> dict[str, Any]:
    """Every analysis of this user, newest first."""
    rows = website_analyses.all_of(call.database, call.user.id)
    return {"success": True, "analyses": [_document(row) for row in rows]}


def _document(row: Analysis) -> dict[str, Any]:
    stored: Mapping[str, object] = row
    return {
        "website_url": row["website_url"],
        "style_analysis": style_analysis(row),
        **{name: stored[name] for name in ANALYSIS_FIELDS if name not in STYLE_FIELDS},
        "status": row["status"],
        "completed_at": time_text(row["analysis_date"]),
        "analysis_id": row["id"],
    }


def _save_step(call: Call, submission: Submission) -> tuple[Progress, object]:
    # Here and not above: pydantic is a sixth of a cold start, and reads need none.
    from lib.steps.website_analysis import website_analysis

    data = submission.payload
    analysis = website_analysis(data)
    progress = website_analyses.complete_step(
        call.database, call.user.id, data, submission.validation_errors, analysis.website_url, analysis.fields
    )
    log_saved(call, "Website analysis")
    return progress, data


ROUTES = [
    Route("GET", "/api/onboarding/website-analysis", current),
    Route("GET", "/api/onboarding/website_analysis", current),
    Route("GET", "/api/onboarding/style-detection/check-existing/{website:path}", check_existing),
    Route("GET", "/api/onboarding/style-detection/analysis/{analysis_id}", by_id),
    Route("GET", "/api/onboarding/style-detection/session-analyses", list_all),
    *step_routes(WEBSITE, _save_step),
]
