from base64 import urlsafe_b64encode

import pytest

from lib.config import OriginPatterns, Settings
from lib.db.url import libpq_url
from lib.errors import Unavailable

PEM = "-----BEGIN PUBLIC KEY-----\n" + "A" * 64 + "\n" + "B" * 20 + "\n-----END PUBLIC KEY-----\n"
KEY = urlsafe_b64encode(b"k" * 32).decode()


@pytest.mark.parametrize("form", [PEM, PEM.replace("\n", "\\n"), PEM.replace("\n", " "), PEM.replace("\n", "")])
def test_the_pem_is_accepted_however_it_was_pasted(form: str) -> None:
    """With newlines, with backslash-n, with spaces, or with nothing between its lines."""
    assert Settings({"CLERK_JWT_KEY": form}).clerk_public_key == PEM


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({}, "database_url"),
        ({"CLERK_JWT_KEY": "secret"}, "clerk_public_key"),
        ({"API_KEY_ENCRYPTION_KEYS": ""}, "api_key_encryption_keys"),
        ({"API_KEY_ENCRYPTION_KEYS": "c2hvcnQ="}, "api_key_encryption_keys"),
        ({"API_KEY_ENCRYPTION_KEYS": KEY[:-1]}, "api_key_encryption_keys"),
        ({"API_KEY_ENCRYPTION_KEYS": f"{KEY},not base64!"}, "api_key_encryption_keys"),
    ],
)
def test_an_unusable_variable_is_named_to_the_operator_without_its_value(environ: dict[str, str], name: str) -> None:
    """The caller's sentence names nothing; the log's reason names the variable and never shows what is in it."""
    with pytest.raises(Unavailable) as raised:
        getattr(Settings(environ), name)
    variable = next(iter(environ), "DATABASE_URL")
    assert variable in raised.value.reason
    assert variable not in raised.value.detail
    assert all(value not in raised.value.reason for value in environ.values() if value)


def test_encryption_keys_are_a_list() -> None:
    """The first encrypts; white space and a trailing comma are forgiven."""
    other = urlsafe_b64encode(b"o" * 32).decode()
    assert Settings({"API_KEY_ENCRYPTION_KEYS": f" {KEY}, {other} ,"}).api_key_encryption_keys == (
        b"k" * 32,
        b"o" * 32,
    )


def test_postgres_url_stands_in_for_database_url() -> None:
    """And a direct URL is the pooled one where there is no other."""
    settings = Settings({"POSTGRES_URL": "postgres://p", "POSTGRES_URL_NON_POOLING": "postgres://d"})
    assert (settings.database_url, settings.direct_database_url) == ("postgres://p", "postgres://d")
    assert Settings({"DATABASE_URL": "postgres://p"}).direct_database_url == "postgres://p"


@pytest.mark.parametrize(
    ("pattern", "origin", "matches"),
    [
        ("https://app.example.com", "https://app.example.com", True),
        ("https://app.example.com/", "https://app.example.com", True),
        ("https://app.example.com", "https://app.example.com.evil.com", False),
        ("https://app.example.com", "http://app.example.com", False),
        ("https://app.example.com", "https://appxexample.com", False),
        ("https://app.example.com", "https://app.example.com:8443", False),
        ("https://app-*-team.vercel.app", "https://app-git-main-team.vercel.app", True),
        ("https://app-*-team.vercel.app", "https://app-a.b-team.vercel.app", False),
        ("https://app-*-team.vercel.app", "https://app--team.vercel.app", False),
        ("https://app-*-team.vercel.app", "https://app-x-team.vercel.app.evil.com", False),
    ],
)
def test_an_origin_matches_as_a_whole_and_a_star_stays_within_its_label(
    pattern: str, origin: str, matches: bool
) -> None:
    """No stranger's host, scheme or port passes."""
    assert OriginPatterns.parse([pattern], "ALLOWED_ORIGINS").match(origin) is matches


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgres://u:p@h:5/d", "postgresql://u:p@h:5/d?sslmode=require"),
        ("postgresql+psycopg://u@localhost/d", "postgresql://u@localhost/d"),
        ("postgresql://h/d?sslmode=require&pgbouncer=true&supa=x", "postgresql://h/d?sslmode=require"),
        ("postgresql:///d?host=/tmp/socket", "postgresql:///d?host=%2Ftmp%2Fsocket"),
    ],
)
def test_every_usual_form_of_a_postgres_url_works(url: str, expected: str) -> None:
    """Parameters that only other clients know are left out: libpq would refuse the whole URL."""
    assert libpq_url(url) == expected
