from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jwt
import psycopg
import pytest

from dev.banner import banner
from dev.choices import Choices
from dev.environment import Environment, development
from dev.settings import CLERK_SETTINGS, DATABASE_SETTINGS, LOCAL_ORIGINS, SETTINGS
from lib.config import Settings

REMOTE = "postgresql://me:password-of-mine@db.example.com/mine"


@contextmanager
def _development(folder: Path, **settings: str) -> Iterator[Environment]:
    with development(Choices(settings), folder) as environment:
        yield environment


def _said(environment: Environment) -> str:
    """The banner without its line breaks."""
    text = banner("http://localhost:8000", environment.facts, has_own_clerk=environment.token is None)
    return " ".join(text.split())


@pytest.mark.slow
def test_everything_is_this_clones_own_unless_chosen(place: Path) -> None:
    """`git clone` and `make dev` are enough."""
    with _development(place) as environment:
        assert set(environment.variables) == {
            "ONBOARDING_DEVELOPMENT",
            "DATABASE_URL",
            "CLERK_JWT_KEY",
            "CLERK_WEBHOOK_SIGNING_SECRET",
            "API_KEY_ENCRYPTION_KEYS",
            "ALLOWED_ORIGINS",
            "AI_BACKEND_URL",
        }
        jwt.decode(str(environment.token), environment.variables["CLERK_JWT_KEY"], algorithms=["RS256"])
        with psycopg.connect(environment.variables["DATABASE_URL"]) as connection:
            assert connection.execute("SELECT version_num FROM alembic_version").fetchone()
        assert environment.variables["AI_BACKEND_URL"].startswith("http://127.0.0.1:")
        assert environment.variables["ALLOWED_ORIGINS"] == ",".join(LOCAL_ORIGINS)


def test_a_chosen_clerk_instance_replaces_all_of_ours(tmp_path: Path) -> None:
    """A token of ours must not pass beside theirs; and the banner offers none."""
    theirs = {"CLERK_JWKS_URL": "https://clerk.example.org/jwks", "CLERK_ISSUER": "https://clerk.example.org"}
    with _development(tmp_path, DATABASE_URL=REMOTE, **theirs) as environment:
        clerk = {name: value for name, value in environment.variables.items() if name in CLERK_SETTINGS}
        assert clerk == theirs
        assert environment.token is None
        said = _said(environment)
        assert "https://clerk.example.org, by CLERK_JWKS_URL, CLERK_ISSUER of .env.local" in said
        assert "Clerk.session.getToken()" in said
        assert "Bearer" not in said


@pytest.mark.slow
def test_a_chosen_database_of_this_machine_is_migrated(tmp_path: Path, empty_database_url: str) -> None:
    """It is used in place of the embedded one, with this clone's key ring."""
    with _development(tmp_path, POSTGRES_URL=empty_database_url) as environment:
        databases = {name: value for name, value in environment.variables.items() if name in DATABASE_SETTINGS}
        assert databases == {"POSTGRES_URL": empty_database_url}
        assert environment.facts["Database"].endswith(", of .env.local, migrated")
        assert Settings(environment.variables).api_key_encryption_keys
    with psycopg.connect(empty_database_url) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone()
    assert not (tmp_path / "postgres").exists()


def test_a_database_elsewhere_is_left_as_it_is(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing connects to it here; the banner tells what migrates it, and that no key of ours encrypts in it."""
    with _development(tmp_path, DATABASE_URL=REMOTE) as environment:
        assert environment.variables["DATABASE_URL"] == REMOTE
        assert "API_KEY_ENCRYPTION_KEYS" not in environment.variables
        said = _said(environment)
    assert "mine on db.example.com, of .env.local, left as it is; to migrate it: make migrate" in said
    assert "API keys cannot be stored until .env.local has this database's API_KEY_ENCRYPTION_KEYS" in said
    assert capfd.readouterr().err == ""


def test_every_chosen_setting_reaches_the_functions_and_no_secret_the_terminal(tmp_path: Path) -> None:
    """The key ring among them, without which nobody reads the keys in the chosen database."""
    chosen = {name: f"secret-{name}" for name in SETTINGS} | {
        **dict.fromkeys(DATABASE_SETTINGS, REMOTE),
        "CLERK_ISSUER": "https://clerk.example.org",
        "ALLOWED_ORIGINS": "https://preview.example.com",
        "AI_BACKEND_URL": "https://me:secret@ai.example.com/v1?key=secret",
        "ONBOARDING_FLOW": "five",
    }
    with _development(tmp_path, **chosen) as environment:
        said = _said(environment)
    origins = environment.variables["ALLOWED_ORIGINS"]
    assert origins == ",".join([*LOCAL_ORIGINS, "https://preview.example.com"])
    assert environment.variables == {**chosen, "ALLOWED_ORIGINS": origins}
    assert "AI backend https://ai.example.com/v1, of .env.local Flow" in said
    assert "Flow five, of .env.local Origins" in said
    assert "secret" not in said
    assert "password-of-mine" not in said


def test_an_address_that_cannot_be_read_is_no_traceback(tmp_path: Path) -> None:
    """`make doctor` gets that far, and says what is wrong with it."""
    with _development(tmp_path, DATABASE_URL=REMOTE, AI_BACKEND_URL="http://[::1") as environment:
        assert "AI backend an address that cannot be read, of .env.local" in _said(environment)
