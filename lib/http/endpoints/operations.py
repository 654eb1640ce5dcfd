"""What operators and product managers ask of all users together, with a token of their own. No user is named."""

import hmac
from datetime import UTC, datetime

from lib.config import settings
from lib.db import funnel as counted
from lib.errors import FieldError, InvalidData, NotFound, Unauthenticated
from lib.http.app import Call, Route
from lib.http.request_log import note
from lib.steps.funnel import Funnel, funnel


def read_funnel(call: Call) -> Funnel:
    """How many users reached and finished each step, of those who started since a day or of all."""
    _check_token(call)
    return funnel(counted.read(call.database, _since(call)), call.flow)


def _check_token(call: Call) -> None:
    """Raises `NotFound` where no token is configured, `Unavailable` for an unusable one, else `Unauthenticated`."""
    expected = settings().operations_token
    if expected is None:
        raise NotFound("There is nothing at this URL.")
    scheme, _, sent = (call.request.get_header("Authorization") or "").partition(" ")
    # Compared in constant time: how long the answer takes must not tell how much of a guess is right.
    if scheme.lower() != "bearer" or not hmac.compare_digest(sent.strip().encode(), expected.encode()):
        note("OPERATIONS_TOKEN")
        raise Unauthenticated("This needs an Authorization header with the operations token of this deployment.")


def _since(call: Call) -> datetime | None:
    """The beginning of a day in UTC, or a time with its offset."""
    sent = call.request.get_param("since")
    if not sent:
        return None
    try:
        since = datetime.fromisoformat(sent)
        return since if since.tzinfo else since.replace(tzinfo=UTC)
    except ValueError:
        raise InvalidData([FieldError("since", "invalid_value", "must be a day such as 2026-11-01")]) from None


ROUTES = [Route("GET", "/api/operations/funnel", read_funnel, public=True)]
