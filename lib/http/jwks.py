"""Where a token's key comes from: the configured PEM, or else Clerk's published keys, cached."""

import threading
import time
from functools import lru_cache
from typing import Any

import jwt

from lib.config import Settings
from lib.errors import Unauthenticated, Unavailable

REFETCH_AFTER_S = 60
FETCH_TIMEOUT_S = 3


def signing_key(key_id: object, settings: Settings) -> Any:
    """The public key for a token with that `kid`. A token never says where its key is, only which one it is.

    Raises `Unavailable` where no key is configured or the key server does not answer, `Unauthenticated` where it
    does not know the key.
    """
    if pem := settings.clerk_public_key:
        return _load_pem(pem)
    if url := settings.clerk_jwks_url:
        return _published_keys(url).get(key_id)
    raise Unavailable("Sign-in cannot be checked right now.", "neither CLERK_JWT_KEY nor CLERK_JWKS_URL is set")


@lru_cache(maxsize=4)
def _load_pem(pem: str) -> Any:
    try:
        return jwt.get_algorithm_by_name("RS256").prepare_key(pem)
    except (jwt.PyJWTError, ValueError) as error:
        raise Unavailable("Sign-in cannot be checked right now.", "CLERK_JWT_KEY is not a public key") from error


class PublishedKeys:
    """A JWKS, fetched when a key is not known, at most once a minute."""

    def __init__(self, url: str) -> None:
        self._client = jwt.PyJWKClient(url, cache_keys=False, cache_jwk_set=False, timeout=FETCH_TIMEOUT_S)
        self._lock = threading.Lock()
        self._keys: dict[str, Any] = {}
        self._next_fetch = 0.0

    def get(self, key_id: object) -> Any:
        """The key of that id. Raises `Unauthenticated` or `Unavailable`."""
        if not isinstance(key_id, str):
            raise Unauthenticated("The token does not say which key signed it.")
        with self._lock:
            if key_id not in self._keys and time.monotonic() >= self._next_fetch:
                self._fetch()
        if key_id not in self._keys:
            raise Unauthenticated("The token is signed by a key that is not known.")
        return self._keys[key_id]

    def _fetch(self) -> None:
        try:
            keys = self._client.get_signing_keys()
        except (jwt.PyJWTError, OSError) as error:
            raise Unavailable("Sign-in cannot be checked right now.", f"JWKS: {type(error).__name__}") from error
        self._next_fetch = time.monotonic() + REFETCH_AFTER_S
        self._keys = {key.key_id: key.key for key in keys if key.key_id}


_published_keys = lru_cache(maxsize=4)(PublishedKeys)
