"""Which variables of a deployment are set and usable, without their values."""

from typing import Literal

from lib.config import DIRECT_URL_VARIABLES, POOLED_URL_VARIABLES, Settings
from lib.errors import Unavailable

type State = Literal["ok", "missing", "malformed", "unset"]
"""`missing` is needed and absent, `unset` optional and absent."""

# What README.md lists, with the setting that reads it.
_SETTINGS: dict[str, str] = {
    "DATABASE_URL": "database_url",
    "DATABASE_URL_UNPOOLED": "direct_database_url",
    "CLERK_JWT_KEY": "clerk_public_key",
    "CLERK_JWKS_URL": "clerk_jwks_url",
    "CLERK_ISSUER": "clerk_issuer",
    "CLERK_AUTHORIZED_PARTIES": "authorized_parties",
    "CLERK_AUDIENCE": "clerk_audiences",
    "ALLOWED_ORIGINS": "allowed_origins",
    "API_KEY_ENCRYPTION_KEYS": "api_key_encryption_keys",
    "CLERK_WEBHOOK_SIGNING_SECRET": "webhook_signing_secret",
    "AI_BACKEND_URL": "ai_backend_url",
    "ONBOARDING_FLOW": "onboarding_flow",
    "OPERATIONS_TOKEN": "operations_token",
}
VARIABLES = tuple(_SETTINGS)
_OTHER_NAMES = {"DATABASE_URL": POOLED_URL_VARIABLES, "DATABASE_URL_UNPOOLED": DIRECT_URL_VARIABLES[:2]}
_KEY_SOURCES = ("CLERK_JWT_KEY", "CLERK_JWKS_URL")
_NEEDED = ("DATABASE_URL", "API_KEY_ENCRYPTION_KEYS")
# What the wizard can do without: it goes on while one of these cannot be used.
_CAN_WAIT = ("DATABASE_URL_UNPOOLED", "CLERK_WEBHOOK_SIGNING_SECRET", "AI_BACKEND_URL", "OPERATIONS_TOKEN")


def states(settings: Settings) -> dict[str, State]:
    """The state of each variable, by its name in README.md."""
    return {name: _state(settings, name) for name in VARIABLES}


def faults(settings: Settings) -> dict[str, str]:
    """Why each variable that is set cannot be used. A reason names its variable, and never shows a value."""
    found = {name: _fault(settings, name) for name in VARIABLES if _is_set(settings, name)}
    return {name: reason for name, reason in found.items() if reason is not None}


def unusable(found: dict[str, State]) -> list[str]:
    """The variables that somebody has to set right."""
    return [name for name, state in found.items() if state in ("missing", "malformed")]


def lets_people_in(found: dict[str, State]) -> bool:
    """Whether sign-in, the wizard's page and the storage of keys can work."""
    return set(unusable(found)) <= set(_CAN_WAIT)


def _state(settings: Settings, name: str) -> State:
    if not _is_set(settings, name):
        return "missing" if _is_needed(settings, name) else "unset"
    return "ok" if _fault(settings, name) is None else "malformed"


def _is_set(settings: Settings, name: str) -> bool:
    return settings.is_set(*_OTHER_NAMES.get(name, (name,)))


def _fault(settings: Settings, name: str) -> str | None:
    try:
        getattr(settings, _SETTINGS[name])
    except Unavailable as error:
        return error.reason
    return None


def _is_needed(settings: Settings, name: str) -> bool:
    return name in _NEEDED or (name in _KEY_SOURCES and not settings.is_set(*_KEY_SOURCES))
