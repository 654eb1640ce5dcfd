"""Clerk's webhook: a deleted user's data goes at once, whatever tokens of that user are still out.

Signatures are Svix's (https://docs.svix.com/receiving/verifying-payloads/how): over the raw body, 5 minutes of
tolerance either way, several in one header while a secret is being rotated. A request without a valid signature is a
400, as in Clerk's own examples: a 401 of this service asks for a bearer token, which would not help here.
"""

import json
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import falcon

from lib.config import settings
from lib.db import accounts
from lib.errors import AlreadyReceived, Unavailable
from lib.http.app import Call, Route
from lib.http.body import read_raw
from lib.http.problems import BadBody

if TYPE_CHECKING:
    from svix.webhooks import Webhook

    from lib.http.answers import WebhookReceived

_SIGNATURE_HEADERS = ("svix-id", "svix-timestamp", "svix-signature")

_log = logging.getLogger(__name__)


def receive(call: Call) -> "WebhookReceived":
    """Act on `user.deleted`, once a delivery; take note of any other event without doing anything."""
    event = _verified_event(call.request)
    if event.get("type") == "user.deleted":
        _delete_account(call, event.get("data"))
    return {"received": True}


def _delete_account(call: Call, data: object) -> None:
    user_id = data.get("id") if isinstance(data, dict) else None
    if not isinstance(user_id, str) or not user_id or not user_id.isprintable():
        _log.warning("user.deleted without the id of a user")
        return
    delivery_id = call.request.get_header("svix-id", default="")
    try:
        had_data = accounts.delete_for_good(call.database, user_id, delivery_id)
    except AlreadyReceived:
        _log.info("a delivery of Clerk's came again: nothing is done")
        return
    _log.info("an account was deleted at Clerk: %s", "its data is erased" if had_data else "it had no data")


def _verified_event(request: falcon.Request) -> dict[str, Any]:
    from svix.webhooks import WebhookVerificationError  # 0.7 s of CPU: so only this endpoint loads it

    raw = read_raw(request)
    webhook = _webhook()
    try:
        webhook.verify(raw, {name: request.get_header(name, default="") for name in _SIGNATURE_HEADERS})
    except (WebhookVerificationError, ValueError):
        _log.warning("webhook refused: no valid signature")
        raise BadBody(HTTPStatus.BAD_REQUEST, "The webhook's signature is missing, wrong or too old.") from None
    return _event(raw)


def _webhook() -> "Webhook":
    from standardwebhooks.webhooks import EmptyWebhookSecretError
    from svix.webhooks import Webhook

    try:
        return Webhook(settings().webhook_signing_secret)
    except (EmptyWebhookSecretError, ValueError):
        reason = "CLERK_WEBHOOK_SIGNING_SECRET is not a whsec_ secret"
        raise Unavailable("The service is not fully configured. Please try again later.", reason) from None


def _event(raw: bytes) -> dict[str, Any]:
    try:
        event = json.loads(raw)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        raise BadBody(HTTPStatus.BAD_REQUEST, "The webhook's body is not a JSON object.")
    return event


ROUTES = [Route("POST", "/api/webhooks/clerk", receive, public=True)]
