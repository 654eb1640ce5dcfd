"""Settings from the environment: read at first use, validated once, frozen.

A variable that is missing or malformed is an `Unavailable` whose reason names the variable, so that a deployment
answers 503 and tells its operator why, in place of crashing at import.
"""

import base64
import binascii
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lib.errors import Unavailable

if TYPE_CHECKING:
    from lib.steps.definitions import Flow

# Prisma's integration names its pooled URL apart; everybody else's DATABASE_URL is the pooled one.
POOLED_URL_VARIABLES = ("DATABASE_URL_POOLED", "DATABASE_URL", "POSTGRES_URL")
DIRECT_URL_VARIABLES = ("DATABASE_URL_UNPOOLED", "POSTGRES_URL_NON_POOLING", "DATABASE_URL", "POSTGRES_URL")

MIN_OPERATIONS_TOKEN_CHARACTERS = 32
MAX_LABEL_CHARACTERS = 63

_AI_BACKEND_URL = re.compile(r"https?://[^\s/?#@\\]+(?:/[^\s?#\\]*)?")
_CLERK_URL = re.compile(r"https://[^\s/?#@\\]+(?:/\S*)?|http://(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?(?:/\S*)?")
_POSTGRES_URL = re.compile(r"postgres(?:ql(?:\+psycopg)?)?://\S+")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(?:[a-z0-9.*_-]+|\[[0-9a-f:.]+\])(?::(?:\d+|\*))?")
_WEBHOOK_SECRET = re.compile(r"whsec_(?P<key>[A-Za-z0-9+/]{4,}={0,2})")
_PEM = re.compile(r"-----BEGIN (?P<label>[A-Z ]+)-----(?P<body>.*)-----END (?P=label)-----", re.DOTALL)


@dataclass(frozen=True)
class Settings:
    """A snapshot of the environment. Every property raises `Unavailable` where its variable is needed and unusable."""

    environ: Mapping[str, str]

    @cached_property
    def database_url(self) -> str:
        """The pooled Postgres URL, as it was given."""
        return self._first_of(POOLED_URL_VARIABLES)

    @cached_property
    def direct_database_url(self) -> str:
        """The direct Postgres URL for migrations; the pooled one where there is no other."""
        return self._first_of(DIRECT_URL_VARIABLES)

    @cached_property
    def clerk_public_key(self) -> str | None:
        r"""Clerk's PEM public key with real newlines, whether it was pasted with newlines, with `\n` or with spaces."""
        value = self._get("CLERK_JWT_KEY")
        if value is None:
            return None
        match = _PEM.search(value.replace("\\n", "\n"))
        if match is None:
            raise misconfigured(
                "CLERK_JWT_KEY is not a PEM public key, whole from its BEGIN line to its END line; "
                r"in a file its lines stand between double quotes, or on one line with \n"
            )
        label, body = match["label"], "".join(match["body"].split())
        lines = [body[start : start + 64] for start in range(0, len(body), 64)]
        return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])

    @cached_property
    def clerk_jwks_url(self) -> str | None:
        """Where Clerk publishes its keys, over https; used only when there is no PEM."""
        return self._clerk_url("CLERK_JWKS_URL")

    @cached_property
    def clerk_issuer(self) -> str | None:
        """What `iss` must equal, when set."""
        return self._clerk_url("CLERK_ISSUER")

    @cached_property
    def clerk_audiences(self) -> frozenset[str]:
        """Which `aud` values pass; Clerk's session tokens have none, so that none is needed for them."""
        return frozenset(self._list("CLERK_AUDIENCE"))

    @cached_property
    def authorized_parties(self) -> "OriginPatterns":
        """Which `azp` values pass; empty means that any `azp` passes, and only an unset variable is empty."""
        return self._origins("CLERK_AUTHORIZED_PARTIES")

    @cached_property
    def allowed_origins(self) -> "OriginPatterns":
        """Which browser origins may call; empty means that no CORS header is ever sent."""
        return self._origins("ALLOWED_ORIGINS")

    @cached_property
    def has_usable_origins(self) -> bool:
        """Whether the list of origins can be read."""
        try:
            return self.allowed_origins is not None
        except Unavailable:
            return False

    @cached_property
    def api_key_encryption_keys(self) -> tuple[bytes, ...]:
        """32-byte keys: the first encrypts, all decrypt."""
        name = "API_KEY_ENCRYPTION_KEYS"
        entries = self._list(name)
        if not entries:
            raise misconfigured(f"{name} is not set")
        return tuple(_decode_key(entry, name) for entry in entries)

    @cached_property
    def webhook_signing_secret(self) -> str:
        """Clerk's `whsec_…` secret for its webhook."""
        name = "CLERK_WEBHOOK_SIGNING_SECRET"
        secret = self._get(name)
        if secret is None:
            raise misconfigured(f"{name} is not set")
        match = _WEBHOOK_SECRET.fullmatch(secret)
        if match is None or _decoded(match["key"]) is None:
            raise misconfigured(f"{name} is not a whsec_ secret")
        return secret

    @cached_property
    def onboarding_flow(self) -> "Flow":
        """Which steps the page shows, in its order."""
        from lib.steps.definitions import FLOWS  # a preflight does not need the steps

        name = self._get("ONBOARDING_FLOW") or "six"
        if name not in FLOWS:
            raise misconfigured(f"ONBOARDING_FLOW is not one of {', '.join(FLOWS)}")
        return FLOWS[name]

    @cached_property
    def is_on_vercel(self) -> bool:
        """Whether the platform runs this, and collects what is logged."""
        return self._get("VERCEL") is not None

    def as_set(self, name: str) -> str:
        """A variable that holds no secret, for a message to a developer."""
        return self._get(name) or "nothing"

    @cached_property
    def is_development(self) -> bool:
        """Whether this runs on a developer's machine, as `make dev` says. Never true of a deployment on Vercel."""
        is_deployed = self._get("VERCEL_ENV") in ("production", "preview")
        return self._get("ONBOARDING_DEVELOPMENT") == "1" and not is_deployed

    @cached_property
    def ai_backend_url(self) -> str | None:
        """The origin, with an optional path, of the service that analyses and generates; None where there is none."""
        url = self._get("AI_BACKEND_URL")
        if url is None:
            return None
        if not _AI_BACKEND_URL.fullmatch(url) or not _has_usable_host(url):
            raise misconfigured("AI_BACKEND_URL is not an http or https URL with a host, without query and fragment")
        return url.rstrip("/")

    @cached_property
    def operations_token(self) -> str | None:
        """What opens `/api/operations/…`; None where that is closed to everybody."""
        token = self._get("OPERATIONS_TOKEN")
        if token is not None and (len(token) < MIN_OPERATIONS_TOKEN_CHARACTERS or not _is_header_word(token)):
            raise misconfigured(
                f"OPERATIONS_TOKEN has under {MIN_OPERATIONS_TOKEN_CHARACTERS} characters, or others than plain ASCII"
            )
        return token

    def is_set(self, *names: str) -> bool:
        """Whether one of the variables holds anything but white space."""
        return any(self._get(name) for name in names)

    def _get(self, name: str) -> str | None:
        return self.environ.get(name, "").strip() or None

    def _list(self, name: str) -> list[str]:
        """The entries of a comma list; none only where the variable is not set."""
        value = self._get(name)
        entries = [entry.strip() for entry in (value or "").split(",") if entry.strip()]
        if value is not None and not entries:
            raise misconfigured(f"{name} is set and holds no entry")
        return entries

    def _origins(self, name: str) -> "OriginPatterns":
        return OriginPatterns.parse(self._list(name), name)

    def _clerk_url(self, name: str) -> str | None:
        url = self._get(name)
        if url is not None and not (_CLERK_URL.fullmatch(url) and _has_usable_host(url)):
            raise misconfigured(f"{name} is not an https URL (http is for this machine alone)")
        return url

    def _first_of(self, names: tuple[str, ...]) -> str:
        for name in names:
            if value := self._get(name):
                if not _POSTGRES_URL.fullmatch(value):
                    raise misconfigured(f"{name} is not a postgres:// or postgresql:// URL")
                return value
        raise misconfigured(f"{' or '.join(names)} is not set")


@dataclass(frozen=True)
class OriginPatterns:
    """Origins such as `https://app.example.com`; `*` stands for letters, digits or hyphens within one host label."""

    expressions: tuple[re.Pattern[str], ...]

    @classmethod
    def parse(cls, entries: Sequence[str], name: str) -> "OriginPatterns":
        """Read the entries of the variable `name`. A trailing slash and capital letters are forgiven.

        Raises `Unavailable` where one of them is no origin: what was meant is not known, so nothing passes.
        """
        origins = [entry.removesuffix("/").lower() for entry in entries]
        if not all(map(_ORIGIN.fullmatch, origins)):
            raise misconfigured(f"{name} holds an entry that is not an origin such as https://app.example.com")
        return cls(tuple(map(_origin_expression, origins)))

    def __bool__(self) -> bool:
        return bool(self.expressions)

    def match(self, origin: str) -> bool:
        """Whether one of the entries matches the whole origin."""
        return any(expression.fullmatch(origin) for expression in self.expressions)


def _origin_expression(entry: str) -> re.Pattern[str]:
    return re.compile(re.escape(entry).replace(r"\*", "[A-Za-z0-9-]+"))


def _decode_key(entry: str, name: str) -> bytes:
    key = _decoded(entry, altchars=b"-_")
    if key is None or len(key) != 32:
        raise misconfigured(f"{name} holds an entry that is not 32 bytes in URL-safe base64")
    return key


def _decoded(text: str, altchars: bytes | None = None) -> bytes | None:
    try:
        return base64.b64decode(text, altchars=altchars, validate=True)
    except (binascii.Error, ValueError):
        return None


def _has_usable_host(url: str) -> bool:
    """Whether the URL's port is one, and its host's name one that can be looked up (RFC 1035, section 2.3.4)."""
    try:
        parts = urlsplit(url)
        labels = (parts.hostname or "").removesuffix(".").split(".")
        return parts.port != 0 and all(0 < len(label) <= MAX_LABEL_CHARACTERS for label in labels)
    except ValueError:
        return False


def _is_header_word(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


def misconfigured(reason: str) -> Unavailable:
    """The error of a variable that cannot be used. `reason` names the variable, and never shows its value."""
    return Unavailable("The service is not fully configured. Please try again later.", reason)


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The process's settings. Tests call `settings.cache_clear()` after changing the environment."""
    return Settings(dict(os.environ))
