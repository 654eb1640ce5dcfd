"""Whether the database answers, and whether its schema is the one that this code was written for."""

import logging
from http import HTTPStatus

from lib.db.schema import EXPECTED_REVISION, current_revision
from lib.errors import Unavailable
from lib.http.app import Answer, Call, Route
from lib.http.problems import RETRY_AFTER_S

_log = logging.getLogger(__name__)


def health(call: Call) -> Answer:
    """200 when requests can be served, else 503. A schema newer than the code is fine: revisions only add."""
    revision, database = None, "ok"
    try:
        revision = current_revision(call.database)
    except Unavailable as error:
        _log.error("unhealthy: %s", error.reason)
        database = "unavailable"
    is_ok = revision is not None and revision >= EXPECTED_REVISION
    document = {
        "status": "ok" if is_ok else "unavailable",
        "database": database,
        "schema_revision": revision,
        "expected_revision": EXPECTED_REVISION,
    }
    if is_ok:
        return Answer(HTTPStatus.OK, document)
    return Answer(HTTPStatus.SERVICE_UNAVAILABLE, document, {"Retry-After": str(RETRY_AFTER_S)})


ROUTES = [Route("GET", path, health, public=True, cache_control="no-store") for path in ("/api/health", "/health")]
