"""The doctor's examination of the variables, through the same `lib.config` by which the functions read them."""

import re
from collections.abc import Callable, Iterator

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from lib.config import Settings
from lib.errors import Unavailable
from scripts.doctor_findings import Finding, note, ok, wrong

_ORIGIN_LISTS = ("CLERK_AUTHORIZED_PARTIES", "ALLOWED_ORIGINS")
_SHORTEST_OPERATIONS_TOKEN = 32
_WEBHOOK_SECRET = re.compile(r"whsec_[A-Za-z0-9+/]+={0,2}")

# Variable, what reads it, and what an unset one means; None where nothing works without it.
_VARIABLES: tuple[tuple[str, Callable[[Settings], object], str | None], ...] = (
    ("CLERK_ISSUER", lambda s: s.clerk_issuer, "any issuer whose key fits passes: set it to Clerk's Frontend API URL"),
    (
        "CLERK_AUTHORIZED_PARTIES",
        lambda s: s.authorized_parties,
        "tokens made for any page of this Clerk instance pass: list the page's origins",
    ),
    ("ALLOWED_ORIGINS", lambda s: s.allowed_origins, "no page of another origin may call: list the page's origins"),
    ("API_KEY_ENCRYPTION_KEYS", lambda s: s.api_key_encryption_keys, None),
    ("AI_BACKEND_URL", lambda s: s.ai_backend_url, "analysing and generating answer 404: name the AI backend"),
    ("ONBOARDING_FLOW", lambda s: s.onboarding_flow, "the page of six steps is served"),
)


def examine_settings(settings: Settings) -> Iterator[Finding]:
    """Yield a finding for each variable. None shows a value."""
    yield from _clerk_key(settings)
    for name, read, unset in _VARIABLES:
        yield _variable(settings, name, read, unset)
    yield _pattern(settings, "CLERK_WEBHOOK_SIGNING_SECRET", _WEBHOOK_SECRET, "Clerk's deletions do not arrive here")
    long_enough = re.compile(rf"\S{{{_SHORTEST_OPERATIONS_TOKEN},}}")
    yield _pattern(settings, "OPERATIONS_TOKEN", long_enough, "/api/operations/… is closed")


def _clerk_key(settings: Settings) -> Iterator[Finding]:
    name = "CLERK_JWT_KEY"
    try:
        pem, jwks = settings.clerk_public_key, settings.clerk_jwks_url
    except Unavailable as error:
        yield wrong(name, f"{_without_name(error.reason, name)}: copy it from Clerk → API keys → JWKS public key")
        return
    if pem is None:
        known = note(
            "CLERK_JWKS_URL", "is used: the first token of each process waits for it; CLERK_JWT_KEY saves that"
        )
        yield known if jwks else wrong(name, "is not set, and no CLERK_JWKS_URL either: nobody can sign in")
        return
    try:
        is_rsa = isinstance(load_pem_public_key(pem.encode()), RSAPublicKey)
    except ValueError:
        is_rsa = False
    yield ok(name) if is_rsa else wrong(name, "is no RSA public key: copy it from Clerk → API keys → JWKS public key")


def _variable(settings: Settings, name: str, read: Callable[[Settings], object], unset: str | None) -> Finding:
    if not _given(settings, name):
        return (
            note(name, f"is not set, so that {unset}") if unset else wrong(name, "is not set: no API key can be stored")
        )
    try:
        read(settings)
    except Unavailable as error:
        return wrong(name, f"{_without_name(error.reason, name)}: see README.md, The variables")
    odd = [entry for entry in _entries(settings, name) if "://" not in entry] if name in _ORIGIN_LISTS else []
    return (
        wrong(name, "holds an entry without https://: write origins such as https://app.example.com")
        if odd
        else ok(name)
    )


def _pattern(settings: Settings, name: str, pattern: re.Pattern[str], unset: str) -> Finding:
    value = _given(settings, name)
    if not value:
        return note(name, f"is not set, so that {unset}")
    return ok(name) if pattern.fullmatch(value) else wrong(name, "is malformed: see README.md, The variables")


def _given(settings: Settings, name: str) -> str:
    return settings.environ.get(name, "").strip()


def _entries(settings: Settings, name: str) -> list[str]:
    return [entry.strip() for entry in _given(settings, name).split(",") if entry.strip()]


def _without_name(reason: str, name: str) -> str:
    return reason.removeprefix(name).strip()
