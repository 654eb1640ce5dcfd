"""Whether requests can be served: the settings, the database, and the schema that this code was written for."""

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

from lib.config import settings
from lib.configuration import State, lets_people_in, states, unusable
from lib.db.schema import EXPECTED_REVISION, SchemaState, schema_state
from lib.errors import Unavailable
from lib.http.app import Answer, Call, Route
from lib.http.problems import RETRY_AFTER_S

if TYPE_CHECKING:
    from lib.http.answers import Health

_log = logging.getLogger(__name__)


def health(call: Call) -> "Answer[Health]":
    """200 when requests can be served, else 503. A schema newer than the code is fine: revisions only add."""
    schema = _schema(call)
    config = _configuration()
    is_ok = schema is not None and schema.serves and lets_people_in(config)
    document: Health = {
        "status": "ok" if is_ok else "unavailable",
        "database": schema.database if schema else "unavailable",
        "schema_revision": schema.revision if schema else None,
        "expected_revision": EXPECTED_REVISION,
        "config": config,
    }
    if is_ok:
        return Answer(HTTPStatus.OK, document)
    return Answer(HTTPStatus.SERVICE_UNAVAILABLE, document, {"Retry-After": str(RETRY_AFTER_S)})


def _schema(call: Call) -> SchemaState | None:
    try:
        found = schema_state(call.database)
    except Unavailable as error:
        _log.error("unhealthy: %s", error.reason)
        return None
    if not found.serves:
        _log.error("unhealthy: %s", found.problem)
    return found


def _configuration() -> dict[str, State]:
    config = states(settings())
    if config["CLERK_JWT_KEY"] == "ok" and not _is_key(settings().clerk_public_key):
        config["CLERK_JWT_KEY"] = "malformed"
    for name in unusable(config):
        _log.error("unhealthy: %s is %s", name, config[name])
    return config


def _is_key(pem: str | None) -> bool:
    from lib.http.jwks import load_pem  # loads cryptography, which a deployment without a PEM does not need here

    try:
        return pem is not None and load_pem(pem) is not None
    except Unavailable:
        return False


ROUTES = [Route("GET", path, health, public=True, cache_control="no-store") for path in ("/api/health", "/health")]
