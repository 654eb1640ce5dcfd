from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dev.choices import ChoiceError, Choices
from dev.harness.postgres import free_port
from dev.settings import ROOT, SigningKey, new_encryption_key, without_settings
from dev.validation import validated

PEM = SigningKey.generate().public_pem
UNQUOTED_PEM = "CLERK_JWT_KEY=-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEF\nAAOC==\n-----END PUBLIC KEY-----"

WRONG = {
    "ONBOARDING_FLOW=fiv": "ONBOARDING_FLOW is not one of six, five",
    "ONBOARDING_FLOW=Five": "ONBOARDING_FLOW is not one of six, five",
    "AI_BACKEND_URL=localhost:9101": "AI_BACKEND_URL is not an http or https URL with a host",
    "AI_BACKEND_URL=ftp://ai.example.com": "AI_BACKEND_URL is not an http or https URL with a host",
    "AI_BACKEND_URL=https://ai.example.com/?x=1": "AI_BACKEND_URL is not .* without query and fragment",
    "AI_BACKEND_URL=http://[::1": "AI_BACKEND_URL is not an http or https URL with a host",
    "AI_BACKEND_URL=http://localhost:http": "AI_BACKEND_URL is not an http or https URL with a host",
    "CLERK_JWT_KEY=abc": "CLERK_JWT_KEY is not a PEM public key",
    UNQUOTED_PEM: "CLERK_JWT_KEY is not a PEM public key, .* double quotes",
    "CLERK_JWKS_URL=https://[::1": "CLERK_JWKS_URL is not an https URL",
    "ALLOWED_ORIGINS=app.example.com": "ALLOWED_ORIGINS .* an origin such as https://app.example.com",
    "DATABASE_URL=mysql://me:secret@localhost/mine": r"DATABASE_URL is not a postgres:// or postgresql:// URL",
    "POSTGRES_URL=http://[::1": r"POSTGRES_URL is not a postgres:// or postgresql:// URL",
    "API_KEY_ENCRYPTION_KEYS=secret": "API_KEY_ENCRYPTION_KEYS .* 32 bytes in URL-safe base64",
    "OPERATIONS_TOKEN=secret": "OPERATIONS_TOKEN has under 32 characters",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_setting_that_no_function_could_use_is_refused_at_the_start(tmp_path: Path, text: str) -> None:
    """In one line, without its value, which names the variable, where it is set and what would be right."""
    with pytest.raises(ChoiceError) as raised:
        validated(_read(tmp_path, text))
    assert re.fullmatch(rf"\.env\.local: {WRONG[text]}.*", str(raised.value)), str(raised.value)
    assert "secret" not in str(raised.value)


def test_what_was_typed_is_named_as_such(tmp_path: Path) -> None:
    """Nobody looks for `ONBOARDING_FLOW=fiv make dev` in a file."""
    with pytest.raises(ChoiceError, match=r"^the shell: ONBOARDING_FLOW is not one of six, five$"):
        validated(_read(tmp_path, "", ONBOARDING_FLOW="fiv"))


def test_settings_that_can_be_used_pass_in_silence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And so does what the tools of a host write beside them into such a file."""
    one_line = PEM.replace("\n", "\\n")
    choices = _read(
        tmp_path,
        f'CLERK_JWT_KEY="{one_line}"\nPOSTGRES_URL=postgres://me:p$1@db.example.com/mine?sslmode=require\n'
        "POSTGRES_USER=me\nPOSTGRES_PASSWORD=p\nPGHOST_UNPOOLED=db.example.com\nVERCEL_OIDC_TOKEN=x\nPORT=1\n"
        f"API_KEY_ENCRYPTION_KEYS={new_encryption_key()}\nAI_BACKEND_URL=http://[::1]:9101/v1\nONBOARDING_FLOW=five\n"
        "ALLOWED_ORIGINS=https://app.example.com,https://*.example.com\n",
    )
    assert validated(choices) is choices
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("AI_BACKEND_ULR", "AI_BACKEND_URL"),
        ("ALLOWED_ORIGIN", "ALLOWED_ORIGINS"),
        ("CLERK_ISSUER_URL", "CLERK_ISSUER"),
        ("database_url", "DATABASE_URL"),
    ],
)
def test_a_misspelt_name_in_the_file_gets_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, meant: str
) -> None:
    """Nothing reads it, and everything else goes on."""
    validated(_read(tmp_path, f"{name}=https://example.com"))
    said = f".env.local sets {name}, which nothing reads: did you mean {meant}?\n"
    assert capsys.readouterr().err == said


@pytest.mark.slow
@pytest.mark.parametrize("module", ["dev.server", "dev.vercel_dev"])
def test_the_commands_end_before_anything_is_started(module: str, place: Path) -> None:
    """One line on standard error and exit code 1, as for a wrong PORT."""
    environ = {
        **without_settings(os.environ),
        "ONBOARDING_DEV_FOLDER": str(place / "dev"),
        "ONBOARDING_ENV_FILE": str(place / ".env.local"),
        "ONBOARDING_FLOW": "fiv",
        "PORT": str(free_port()),
    }
    command = [sys.executable, "-m", module]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (1, "the shell: ONBOARDING_FLOW is not one of six, five\n")
    assert not (place / "dev").exists()


def _read(folder: Path, text: str, **shell: str) -> Choices:
    (folder / ".env.local").write_text(text)
    return Choices.read(folder / ".env.local", shell)
