"""Verifies Clerk's session tokens: RS256 only, by a key from the configuration alone.

Rules: https://clerk.com/docs/backend-requests/manual-jwt and the contract's table of errors.
"""

import math
from dataclasses import dataclass
from typing import Any

import jwt

from lib.config import Settings
from lib.errors import Unauthenticated
from lib.http.jwks import signing_key
from lib.http.request_log import note, note_refused

LEEWAY_S = 5
MAX_TOKEN_CHARACTERS = 16_384
MAX_USER_ID_CHARACTERS = 255

# Clerk's other tokens are for machines: OAuth access tokens (RFC 9068) and machine-to-machine tokens.
_SESSION_TOKEN_TYPES = (None, "JWT")
_MACHINE_PREFIX = "mch_"

_CLAIMS: dict[type[Exception], str] = {
    jwt.ExpiredSignatureError: "exp",
    jwt.ImmatureSignatureError: "nbf",
    jwt.InvalidSignatureError: "signature",
}


@dataclass(frozen=True)
class User:
    """Whom the token speaks for, with what it says of the person."""

    id: str
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    actor: str | None = None
    """Who is signed in as this user: support staff, say. Clerk's `act` claim."""


def authenticate(authorization: str | None, settings: Settings) -> User:
    """The user of an `Authorization: Bearer …` header. Raises `Unauthenticated`, or `Unavailable` without a key."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        note("no bearer token")
        raise Unauthenticated("Sign in first: this needs an Authorization header with a bearer token.")
    return _user(_verified_claims(token.strip(), settings), settings)


def _verified_claims(token: str, settings: Settings) -> dict[str, Any]:
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise _refused("too long")
    try:
        header = jwt.get_unverified_header(token)
        if header.get("typ") not in _SESSION_TOKEN_TYPES or header.get("alg") != "RS256":
            raise _refused("not an RS256 session token")
        return jwt.decode(
            token,
            signing_key(header.get("kid"), settings),
            algorithms=["RS256"],
            leeway=LEEWAY_S,
            options={"require": ["exp", "sub"], "verify_aud": False, "verify_sub": False, "verify_iss": False},
        )
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise _refused(_claim_of(error)) from None


def _user(claims: dict[str, Any], settings: Settings) -> User:
    user_id = claims["sub"]
    if not _is_user_id(user_id):
        raise _refused("sub")
    if not _is_time(claims["exp"]) or not _is_time(claims.get("nbf", 0)):
        raise _refused("exp or nbf is not a time")
    if claims.get("sts") == "pending":
        raise _refused("pending session")
    if settings.clerk_issuer and claims.get("iss") != settings.clerk_issuer:
        raise _refused("iss")
    if not _is_for_us(claims.get("aud"), claims.get("sid"), settings):
        raise _refused("aud or sid")
    if settings.authorized_parties and not _is_authorized(claims.get("azp"), settings):
        note_refused("azp", claims.get("azp"), "CLERK_AUTHORIZED_PARTIES")
        raise _not_valid()
    return User(
        user_id,
        _text(claims, "email", "primary_email", "email_address"),
        _text(claims, "first_name", "given_name"),
        _text(claims, "last_name", "family_name"),
        _actor(claims),
    )


def _is_user_id(value: object) -> bool:
    return (
        isinstance(value, str)
        and 1 <= len(value) <= MAX_USER_ID_CHARACTERS
        and value.isprintable()
        and not value.startswith(_MACHINE_PREFIX)
    )


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_for_us(audience: object, session_id: object, settings: Settings) -> bool:
    """Whether the token is of a session, or one that a JWT template of Clerk's makes for an audience of ours.

    Session tokens have a `sid` and no `aud` (https://clerk.com/docs/guides/sessions/session-tokens); what a template
    makes for another service has the same key and issuer, and must not open this one.
    """
    if audience is None:
        return isinstance(session_id, str) and session_id != ""
    named = audience if isinstance(audience, list) else [audience]
    return any(isinstance(name, str) and name in settings.clerk_audiences for name in named)


def _is_authorized(party: object, settings: Settings) -> bool:
    return isinstance(party, str) and settings.authorized_parties.match(party)


def _actor(claims: dict[str, Any]) -> str | None:
    """The actor's id (https://clerk.com/docs/users/user-impersonation), if somebody acts as the user."""
    act = claims.get("act")
    actor = act.get("sub") if isinstance(act, dict) else None
    return actor[:MAX_USER_ID_CHARACTERS] if isinstance(actor, str) and actor.isprintable() else None


def _text(claims: dict[str, Any], *names: str) -> str | None:
    return next((claims[name] for name in names if isinstance(claims.get(name), str)), None)


def _claim_of(error: Exception) -> str:
    """The claim that an error of PyJWT is about, or else the kind of error."""
    if isinstance(error, jwt.MissingRequiredClaimError):
        return error.claim
    return _CLAIMS.get(type(error), type(error).__name__)


def _refused(reason: str) -> Unauthenticated:
    note(reason)
    return _not_valid()


def _not_valid() -> Unauthenticated:
    return Unauthenticated("Your sign-in is not valid any more. Please sign in again.")
