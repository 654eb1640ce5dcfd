"""What development and tests share: the settings' names, throw-away keys, and tokens like Clerk's."""

from __future__ import annotations

import base64
import os
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

ROOT = Path(__file__).resolve().parent.parent
DEV_FOLDER = Path(os.environ.get("ONBOARDING_DEV_FOLDER") or ROOT / ".dev").absolute()
"""Where development keeps its database and keys; tests of the tooling use one of their own."""

DATABASE_SETTINGS = (
    "DATABASE_URL",
    "DATABASE_URL_POOLED",
    "DATABASE_URL_UNPOOLED",
    "POSTGRES_URL",
    "POSTGRES_URL_NON_POOLING",
)
CLERK_SETTINGS = (
    "CLERK_JWT_KEY",
    "CLERK_JWKS_URL",
    "CLERK_ISSUER",
    "CLERK_AUTHORIZED_PARTIES",
    "CLERK_AUDIENCE",
    "CLERK_WEBHOOK_SIGNING_SECRET",
)
SETTINGS = (
    *DATABASE_SETTINGS,
    *CLERK_SETTINGS,
    "ALLOWED_ORIGINS",
    "API_KEY_ENCRYPTION_KEYS",
    "AI_BACKEND_URL",
    "ONBOARDING_FLOW",
    "OPERATIONS_TOKEN",
    "ONBOARDING_DEVELOPMENT",
)

DEFAULT_PORT = 8000
"""Where the page's own development server expects the API."""
LOCAL_ORIGINS = ("http://localhost", "http://localhost:*", "http://127.0.0.1", "http://127.0.0.1:*")
"""Whatever page runs on this machine may call in development."""

SAMPLE_USER = "user_2sample"
ISSUER = "https://clerk.example.com"
ORIGIN = "http://localhost:3000"
"""Where the page's development server shows the page."""
TOKEN_LIFETIME = 12 * 60 * 60  # seconds; Clerk's own live for one minute


class KeyFolderError(Exception):
    """The folder of the development keys cannot be used. The message is one line that says what to do."""


@dataclass(frozen=True)
class SigningKey:
    """An RSA key pair in PEM that plays the role of Clerk's."""

    private_pem: str

    @classmethod
    def generate(cls) -> SigningKey:
        """Make a new 2048-bit pair."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return cls(pem.decode())

    @cached_property
    def _private_key(self) -> rsa.RSAPrivateKey:
        # Reading a PEM checks the primes, which takes far longer than signing.
        return cast(rsa.RSAPrivateKey, serialization.load_pem_private_key(self.private_pem.encode(), password=None))

    @cached_property
    def public_pem(self) -> str:
        """What CLERK_JWT_KEY holds."""
        public = self._private_key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return public.decode()

    def sign(self, claims: Mapping[str, object], *, headers: Mapping[str, object] | None = None) -> str:
        """Sign claims as an RS256 JWT."""
        return jwt.encode(
            dict(claims), self._private_key, algorithm="RS256", headers=dict(headers or {"kid": "ins_dev"})
        )


def session_claims(user_id: str, *, lifetime: int = TOKEN_LIFETIME) -> dict[str, object]:
    """The claims of a version 2 Clerk session token (https://clerk.com/docs/guides/sessions/session-tokens)."""
    now = int(time.time())
    return {
        "sub": user_id,
        "sid": f"sess_{user_id.removeprefix('user_')}",
        "iss": ISSUER,
        "azp": ORIGIN,
        "iat": now,
        "nbf": now - 10,
        "exp": now + lifetime,
        "v": 2,
        "sts": "active",
        "fva": [0, -1],
        "email": "sample@example.com",
        "first_name": "Sample",
        "last_name": "User",
    }


def new_encryption_key() -> str:
    """32 random bytes as API_KEY_ENCRYPTION_KEYS wants them."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def new_webhook_secret() -> str:
    """A Svix signing secret as Clerk's dashboard shows it."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"


def development_key(folder: Path = DEV_FOLDER) -> SigningKey:
    """The signing key of this clone, created at first use."""
    return SigningKey(_read_or_create(folder / "signing_key.pem", lambda: SigningKey.generate().private_pem))


def development_environment(database_url: str, folder: Path = DEV_FOLDER) -> dict[str, str]:
    """Every setting that the functions need, from this clone alone."""
    return {
        "DATABASE_URL": database_url,
        "CLERK_JWT_KEY": development_key(folder).public_pem,
        "API_KEY_ENCRYPTION_KEYS": _read_or_create(folder / "encryption_key", new_encryption_key),
        "CLERK_WEBHOOK_SIGNING_SECRET": _read_or_create(folder / "webhook_secret", new_webhook_secret),
        "ALLOWED_ORIGINS": ",".join(LOCAL_ORIGINS),
        "ONBOARDING_DEVELOPMENT": "1",
    }


def chosen_port() -> str:
    """The port that the person wants, as it was typed."""
    return os.environ.get("PORT", str(DEFAULT_PORT))


def without_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """A copy of an environment without any of the project's settings."""
    return {name: value for name, value in environ.items() if name not in SETTINGS}


def _read_or_create(path: Path, make: Callable[[], str]) -> str:
    """Read a secret, or create it, readable by this user alone. Two processes that create it at once get the same.

    Raises KeyFolderError.
    """
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f"{path.name}.{os.getpid()}")
            draft.touch(mode=0o600)
            draft.write_text(make())
            _move_unless_exists(draft, path)
        return path.read_text()
    except OSError as error:
        advice = "let this user write there, or set ONBOARDING_DEV_FOLDER to another folder"
        raise KeyFolderError(f"{path} cannot be created or read ({error.strerror}): {advice}") from error


def _move_unless_exists(draft: Path, path: Path) -> None:
    with suppress(FileExistsError):
        path.hardlink_to(draft)
    draft.unlink()
