"""Step 2, and the analyses of earlier websites."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from lib.db import analysis_lists, website_analyses
from lib.db.analysis_lists import ListedAnalysis
from lib.db.website_analyses import Analysis as StoredAnalysis
from lib.errors import NotFound
from lib.http.app import NO_CONTENT, Answer, Call, Route
from lib.http.problems import BadBody
from lib.http.rendering import time_text, with_time_texts
from lib.http.step_routes import StepHandlers, Submission, log_saved, step_routes
from lib.steps.definitions import WEBSITE
from lib.steps.fields import ANALYSIS_FIELDS, LATER_ANALYSIS_FIELDS, STYLE_FIELDS, FoundFields
from lib.steps.limits import refuse_too_large
from lib.steps.progress import Progress
from lib.steps.summary import style_analysis

if TYPE_CHECKING:
    from lib.http.answers import (
        Analysis,
        AnalysisColumns,
        AnalysisList,
        CurrentAnalysis,
        ExistingAnalysis,
        LaterFields,
        StoredColumns,
        Success,
    )

DEFAULT_LISTED, MAX_LISTED = 20, 100
MAX_ID = 2**63 - 1
_ANALYSIS_ID = re.compile(r"\d{1,18}", re.ASCII)


def current(call: Call) -> "CurrentAnalysis | None":
    """The newest analysis, or null: a 404 would blank the wizard's whole page."""
    row = website_analyses.current(call.database, call.user.id)
    return None if row is None else _document(row)


def check_existing(call: Call) -> "ExistingAnalysis":
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


def by_id(call: Call) -> "AnalysisColumns":
    """One analysis with all its columns."""
    row = website_analyses.by_id(call.database, call.user.id, _analysis_id(call))
    if row is None:
        raise _no_analysis()
    return {"success": True, "analysis": cast("StoredColumns", {**_other_fields(row), **with_time_texts(row)})}


def edit(call: Call) -> "Success":
    """Replace the fields of one analysis that are sent."""
    analysis_id, fields = _analysis_id(call), call.body()
    refuse_too_large("analysis", fields)
    if not website_analyses.edit(call.database, call.user.id, analysis_id, fields):
        raise _no_analysis()
    return {"success": True}


def remove(call: Call) -> Answer[None]:
    """Delete one analysis."""
    if not website_analyses.remove(call.database, call.user.id, _analysis_id(call)):
        raise _no_analysis()
    return NO_CONTENT


def list_newest(call: Call) -> "AnalysisList":
    """Analyses of this user, newest first and without what was crawled; `next` is null on the last page."""
    limit = call.number("limit", 1, MAX_LISTED) or DEFAULT_LISTED
    before = call.number("before", 1, MAX_ID)
    rows, has_more = analysis_lists.read(call.database, call.user.id, limit, before)
    if before and not rows and website_analyses.by_id(call.database, call.user.id, before) is None:
        raise BadBody(HTTPStatus.BAD_REQUEST, "The parameter before has to be the id of an analysis.", "bad_request")
    return {
        "success": True,
        "analyses": [_listed(row) for row in rows],
        "next": rows[-1]["id"] if has_more else None,
    }


def _listed(row: ListedAnalysis) -> "Analysis":
    fields = row["fields"]
    document: Analysis = {
        "website_url": row["website_url"],
        "style_analysis": style_analysis(fields),
        "style_patterns": fields and fields["style_patterns"],
        "style_guidelines": fields and fields["style_guidelines"],
        "status": row["status"],
        "completed_at": time_text(row["analysis_date"]),
        "analysis_id": row["id"],
    }
    return {**document, **_other_fields(fields)} if fields else {**document, "data_too_large": True}


def _document(row: StoredAnalysis) -> "CurrentAnalysis":
    return {
        "website_url": row["website_url"],
        "style_analysis": style_analysis(row),
        **_found_fields(row),
        "status": row["status"],
        "completed_at": time_text(row["analysis_date"]),
        "analysis_id": row["id"],
        **_other_fields(row),
    }


def _found_fields(row: StoredAnalysis) -> FoundFields:
    """What is stored of an analysis beside its style; a new field of the analysis is among it without a line here."""
    stored: Mapping[str, object] = row
    fields = {name: stored[name] for name in ANALYSIS_FIELDS if name not in STYLE_FIELDS}
    return cast(FoundFields, fields)


def _other_fields(row: Mapping[str, Any]) -> "LaterFields":
    """What later releases of the page find out about a website, beside the fields that all releases know."""
    stored = row["additional_fields"] or {}
    return cast("LaterFields", {name: stored[name] for name in LATER_ANALYSIS_FIELDS if name in stored})


def _analysis_id(call: Call) -> int:
    """The id in the URL. Raises `NotFound` for what no analysis has as its id."""
    if not _ANALYSIS_ID.fullmatch(call.parameters["id"]):
        raise _no_analysis()
    return int(call.parameters["id"])


def _no_analysis() -> NotFound:
    return NotFound("There is no such analysis.")


def _save_step(call: Call, submission: Submission) -> tuple[Progress, object]:
    # Here and not above: pydantic is a sixth of a cold start, and reads need none.
    from lib.steps.website_analysis import website_analysis

    data = submission.payload
    analysis = website_analysis(data)
    progress = website_analyses.complete_step(
        call.database,
        call.user.id,
        data,
        submission.validation_errors,
        analysis.website_url,
        analysis.found,
        business=analysis.business,
        if_match=submission.if_match,
    )
    log_saved(call, "Website analysis")
    return progress, data


STEP = StepHandlers(WEBSITE, _save_step)

ROUTES = [
    Route("GET", "/api/onboarding/website-analysis", current),
    Route("GET", "/api/onboarding/website_analysis", current),
    Route("GET", "/api/onboarding/style-detection/check-existing/{website:path}", check_existing),
    Route("GET", "/api/onboarding/style-detection/analysis/{id}", by_id),
    Route("PUT", "/api/onboarding/style-detection/analysis/{id}", edit),
    Route("DELETE", "/api/onboarding/style-detection/analysis/{id}", remove),
    Route("GET", "/api/onboarding/style-detection/session-analyses", list_newest),
    *step_routes(WEBSITE),
]
