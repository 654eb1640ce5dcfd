"""Events as Clerk sends them, signed as Svix does."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from svix.webhooks import Webhook

from dev.harness.client import Client, Response

PATH = "/api/webhooks/clerk"


def deletion(user: str) -> dict[str, Any]:
    """The event of a deleted user."""
    return {"type": "user.deleted", "object": "event", "data": {"id": user, "object": "user", "deleted": True}}


def signed(secret: str, body: bytes, age: timedelta = timedelta(0), delivery: str = "msg_1") -> dict[str, str]:
    """The headers of a delivery that was signed that long ago."""
    at = datetime.now(UTC) - age
    return {
        "svix-id": delivery,
        "svix-timestamp": str(int(at.timestamp())),
        "svix-signature": Webhook(secret).sign(delivery, at, body.decode()),
        "Content-Type": "application/json",
    }


def send(client: Client, secret: str, event: object, delivery: str = "msg_1") -> Response:
    """Deliver an event."""
    body = json.dumps(event).encode()
    return client.post(PATH, body=body, headers=signed(secret, body, delivery=delivery))
