"""Says of a failed connection whether TLS was why, since libpq has no code for it."""

import psycopg

from lib.errors import Unavailable

_REASONS = {
    "does not support SSL": "the server offers no TLS, and a connection that leaves this machine needs it",
    "certificate": "the server's TLS certificate cannot be verified",
    "SSL error": "TLS with the server failed",
}


def without_tls(error: psycopg.OperationalError) -> Unavailable | None:
    """The error to report where no TLS could be agreed on; None for any other. libpq's messages are English alone."""
    reason = next((reason for words, reason in _REASONS.items() if words in str(error)), None)
    if reason is None:
        return None
    return Unavailable("The database cannot be reached right now. Please try again in a moment.", f"database: {reason}")
