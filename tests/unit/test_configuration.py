"""Every variable: what is usable, and that what is set and unusable lets nothing pass."""

from __future__ import annotations

import pytest

from lib.config import Settings
from lib.configuration import VARIABLES, lets_people_in, states
from lib.errors import Unavailable

PEM = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"
KEY = "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="
ORIGINS = (
    "wizard.example.org",
    " , ",
    ",",
    "*",
    "null",
    "https://a.example.com,b.example.com",
    "https://a.com/page",
    "x://",
)
URLS = ("clerk.example.com", "http://clerk.example.com/jwks", "https://", "ftp://clerk.example.com", "https://a b", "x")
POSTGRES = ("db.example.com/d", "mysql://u@h/d", "postgres:/u@h/d", "postgres:x", "postgres://u:p w@h/d")

# By variable: the setting that reads it, a good value, and values that are set and cannot be used.
TABLE: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "DATABASE_URL": ("database_url", "postgres://u:p@h/d", POSTGRES),
    "DATABASE_URL_UNPOOLED": ("direct_database_url", "postgresql://u@h/d", POSTGRES),
    "CLERK_JWT_KEY": ("clerk_public_key", PEM, ("secret", "-----BEGIN PUBLIC KEY-----", "pk_test_1")),
    "CLERK_JWKS_URL": ("clerk_jwks_url", "https://clerk.example.com/.well-known/jwks.json", URLS),
    "CLERK_ISSUER": ("clerk_issuer", "https://clerk.example.com", URLS),
    "CLERK_AUTHORIZED_PARTIES": ("authorized_parties", "https://app.example.com, http://localhost:*", ORIGINS),
    "CLERK_AUDIENCE": ("clerk_audiences", "alwrity, https://api.example.com", (" , ", ",")),
    "ALLOWED_ORIGINS": ("allowed_origins", "https://wizard-*-acme.vercel.app/", ORIGINS),
    "API_KEY_ENCRYPTION_KEYS": ("api_key_encryption_keys", KEY, (",", "c2hvcnQ=", f"{KEY},x", KEY[:-1], "é")),
    "CLERK_WEBHOOK_SIGNING_SECRET": ("webhook_signing_secret", "whsec_c2VjcmV0", ("c2VjcmV0", "whsec_=", "whsec_é")),
    "AI_BACKEND_URL": ("ai_backend_url", "https://ai.example.com/v1", ("ai.example.com", "https://h?x=1", "file:///x")),
    "ONBOARDING_FLOW": ("onboarding_flow", "five", ("seven", "Six", "5")),
    "OPERATIONS_TOKEN": ("operations_token", "0123456789abcdef0123456789abcdef", ("x" * 31, "é" * 40, "a b" * 20)),
}


def test_the_table_is_whole() -> None:
    """A new variable has to say here what it does with an unusable value."""
    assert tuple(TABLE) == VARIABLES


@pytest.mark.parametrize("variable", VARIABLES)
def test_a_variable_that_is_set_and_unusable_fails_closed(variable: str) -> None:
    """A 503 whose reason names the variable, never its value; the person is told neither."""
    setting, good, unusable = TABLE[variable]
    assert getattr(Settings({variable: good}), setting) is not None
    assert states(Settings({variable: good}))[variable] == "ok"
    for value in unusable:
        with pytest.raises(Unavailable) as raised:
            getattr(Settings({variable: value}), setting)
        assert variable in raised.value.reason, value
        assert value not in raised.value.reason.replace(variable, ""), value
        assert variable not in raised.value.detail
        assert states(Settings({variable: value}))[variable] == "malformed", value


def test_what_is_absent() -> None:
    """Needed: a database, a key ring, and a key of Clerk's in one of its two forms."""
    nothing = states(Settings({}))
    missing = {name for name, state in nothing.items() if state == "missing"}
    assert missing == {"DATABASE_URL", "CLERK_JWT_KEY", "CLERK_JWKS_URL", "API_KEY_ENCRYPTION_KEYS"}
    assert {state for name, state in nothing.items() if name not in missing} == {"unset"}
    assert states(Settings({"CLERK_JWKS_URL": TABLE["CLERK_JWKS_URL"][1]}))["CLERK_JWT_KEY"] == "unset"
    assert states(Settings({"POSTGRES_URL": "postgres://h/d"}))["DATABASE_URL"] == "ok"
    assert states(Settings({"CLERK_AUDIENCE": "  "}))["CLERK_AUDIENCE"] == "unset"


def test_only_what_the_wizard_can_do_without_may_be_unusable() -> None:
    """A wrong webhook secret must not show every user "Connection Error"; a list that nobody can read must."""
    good = {name: good for name, (_, good, _) in TABLE.items()}
    assert lets_people_in(states(Settings(good)))
    can_wait = {
        name
        for name, (_, _, unusable) in TABLE.items()
        if lets_people_in(states(Settings({**good, name: unusable[0]})))
    }
    assert can_wait == {
        "DATABASE_URL_UNPOOLED",
        "CLERK_WEBHOOK_SIGNING_SECRET",
        "AI_BACKEND_URL",
        "OPERATIONS_TOKEN",
    }
