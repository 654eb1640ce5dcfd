from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from dev.choices import CLERK_INSTANCE, ChoiceError, Choices
from dev.database import OwnDatabase
from dev.settings import LOCAL_ORIGINS, ROOT, SETTINGS, SigningKey, without_settings
from lib.config import OriginPatterns, Settings


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    """Where `.env.local` would be."""
    return tmp_path / ".env.local"


def test_a_file_as_the_vercel_cli_writes_it_is_understood(env_file: Path) -> None:
    r"""Comments, quotes, a PEM on one line with `\n`, a `$` in a password; what is no setting of ours is left out."""
    pem = SigningKey.generate().public_pem
    one_line = pem.replace("\n", "\\n")
    env_file.write_text(
        f"# Created by Vercel CLI\nCLERK_JWT_KEY=\"{one_line}\"\nexport DATABASE_URL='postgres://u:p${{HOME}}@h/d'\n"
        "AI_BACKEND_URL=https://ai.example.com # ours\nPYTHONPATH=/nowhere\nONBOARDING_FLOW=\n"
    )
    choices = Choices.read(env_file, {})
    assert dict(choices.settings) == {
        "CLERK_JWT_KEY": pem.strip(),
        "DATABASE_URL": "postgres://u:p${HOME}@h/d",
        "AI_BACKEND_URL": "https://ai.example.com",
    }
    assert Settings(choices.settings).clerk_public_key == pem


def test_every_setting_of_the_file_counts_and_few_of_the_shell(env_file: Path) -> None:
    """The shell may hold a deployment's settings; what can be typed before `make dev` goes before the file."""
    typed = ("AI_BACKEND_URL", "ALLOWED_ORIGINS", "ONBOARDING_FLOW")
    env_file.write_text("\n".join(f"{name}=file" for name in SETTINGS))
    choices = Choices.read(env_file, dict.fromkeys(SETTINGS, "shell"))
    assert dict(choices.settings) == {name: "shell" if name in typed else "file" for name in SETTINGS}
    assert {choices.origin(name) for name in typed} == {"the shell"}
    assert choices.origin("DATABASE_URL") == ".env.local"


def test_without_a_file_there_are_no_choices(env_file: Path) -> None:
    """Nobody needs one."""
    assert Choices.read(env_file, {"DATABASE_URL": "postgres://production/x", "CLERK_JWT_KEY": "x"}) == Choices()


def test_a_file_that_is_no_text_gets_one_line(env_file: Path) -> None:
    """The line names the file."""
    env_file.write_bytes(b"\xff\xfe")
    with pytest.raises(ChoiceError, match=rf"^{env_file} cannot be read .*$"):
        Choices.read(env_file, {})


@pytest.mark.parametrize("name", ["CLERK_ISSUER", "CLERK_AUTHORIZED_PARTIES"])
def test_a_clerk_instance_without_its_key_is_refused(env_file: Path, name: str) -> None:
    """Every request would be answered with a 503; the line says what to add."""
    env_file.write_text(f"{name}=https://clerk.example.org\n")
    with pytest.raises(ChoiceError, match=rf"sets {name}: add CLERK_JWT_KEY or CLERK_JWKS_URL"):
        Choices.read(env_file, {})


def test_a_webhook_secret_alone_is_no_clerk_instance(env_file: Path) -> None:
    """Whoever tries the webhook keeps the development tokens."""
    env_file.write_text("CLERK_WEBHOOK_SIGNING_SECRET=whsec_x\n")
    assert not Choices.read(env_file, {}).has_own_clerk
    assert all(Choices({name: "x"}).has_own_clerk for name in CLERK_INSTANCE)


@pytest.mark.parametrize(
    ("url", "place", "is_local"),
    [
        ("postgres://me:secret@localhost/mine", "mine on localhost", True),
        ("postgresql+psycopg://me:secret@127.0.0.1:5433/mine?pgbouncer=true", "mine on 127.0.0.1", True),
        ("postgresql://me:secret@[::1]/mine", "mine on ::1", True),
        ("postgresql:///mine?host=/run/postgresql", "mine on /run/postgresql", True),
        ("postgresql://me:secret@ep-x.neon.tech/mine?sslmode=require", "mine on ep-x.neon.tech", False),
        ("postgresql://me:secret@localhost,db.example.com/mine", "mine on localhost, db.example.com", False),
        ("postgresql://me:secret@localhost/mine?hostaddr=203.0.113.9", "mine on 203.0.113.9", False),
        ("postgresql://me:secret@localhost.example.com/mine", "mine on localhost.example.com", False),
        ("postgresql:///mine?service=production", "mine on production", False),
    ],
)
def test_a_database_is_local_only_when_every_host_is(url: str, place: str, is_local: bool) -> None:
    """What is not on this machine is never migrated in passing; and no password is shown."""
    own = OwnDatabase.chosen(Choices({"DATABASE_URL": url}))
    assert own is not None
    assert (own.place, own.is_local) == (place, is_local)


def test_the_direct_connection_counts_too() -> None:
    """It is the one that would be migrated."""
    urls = {"DATABASE_URL": "postgres://localhost/a", "DATABASE_URL_UNPOOLED": "postgres://db.example.com/a"}
    own = OwnDatabase.chosen(Choices(urls))
    assert own is not None
    assert not own.is_local


@pytest.mark.parametrize("settings", [{"DATABASE_URL": "postgres://me:sec ret@h:x/d"}, {"DATABASE_URL_POOLED": "x"}])
def test_a_database_that_cannot_be_named_gets_one_line(settings: dict[str, str]) -> None:
    """The line has no secret."""
    with pytest.raises(ChoiceError) as raised:
        OwnDatabase.chosen(Choices(settings))
    assert "\n" not in str(raised.value)
    assert "sec" not in str(raised.value)


@pytest.mark.parametrize(
    "origin",
    ["http://localhost:3000", "http://localhost:5173", "http://localhost", "http://127.0.0.1:1", "http://127.0.0.1"],
)
def test_any_page_of_this_machine_may_call(origin: str) -> None:
    """Whatever port its development server took."""
    assert OriginPatterns.parse(LOCAL_ORIGINS, "ALLOWED_ORIGINS").match(origin)


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost:3000.evil.example",
        "http://localhost.evil.example",
        "http://localhost.evil.example:3000",
        "http://evil-localhost:3000",
        "http://localhost:3000@evil.example",
        "http://localhost:3000/",
        "http://localhost:3000\n",
        "http://127.0.0.1.evil.example:3000",
        "http://127.0.0.10:3000",
        "http://127x0.0.1:3000",
        "http://192.168.0.1:3000",
        "https://evil.example",
        "null",
    ],
)
def test_no_page_of_another_host_may_call(origin: str) -> None:
    """The `*` of a port never reaches into a host's name."""
    assert not OriginPatterns.parse(LOCAL_ORIGINS, "ALLOWED_ORIGINS").match(origin)


@pytest.mark.slow
def test_make_migrate_migrates_the_database_of_the_file(env_file: Path, empty_database_url: str) -> None:
    """It is what the banner tells a developer to run; it says which database it migrates."""
    env_file.write_text(f"DATABASE_URL={empty_database_url}\n")
    environ = {**without_settings(os.environ), "ONBOARDING_ENV_FILE": str(env_file)}
    command = [sys.executable, "-m", "dev.database"]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    parts = urlsplit(empty_database_url)
    assert done.stdout.startswith(f"Migrating {parts.path[1:]} on {parts.hostname}, ")
    assert str(parts.password) not in done.stdout + done.stderr
    with psycopg.connect(empty_database_url) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone()
