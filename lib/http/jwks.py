"""Where a token's key comes from: the configured PEM, or else Clerk's published keys, cached."""

import json
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import jwt

from lib.config import Settings
from lib.errors import Unauthenticated, Unavailable

FETCH_TIMEOUT_S = 3.0
REFETCH_AFTER_S = 60  # a key that is not known may be a new one, but anybody can make up an id
RETRY_AFTER_S = 5  # while there are no keys at all
FRESH_S = 300  # older keys are fetched again, so that one that Clerk withdrew is dropped
USABLE_S = 3600  # how long they serve meanwhile, where the key server does not answer
MAX_JWKS_BYTES = 1024 * 1024

_CANNOT_CHECK = "Sign-in cannot be checked right now. Please try again in a moment."


def signing_key(key_id: object, settings: Settings) -> Any:
    """The public key for a token with that `kid`. A token never says where its key is, only which one it is.

    Raises `Unavailable` where no key is configured or the key server does not answer, `Unauthenticated` where it
    does not know the key.
    """
    if pem := settings.clerk_public_key:
        return _load_pem(pem)
    if url := settings.clerk_jwks_url:
        return _published_keys(url).get(key_id)
    raise Unavailable(_CANNOT_CHECK, "neither CLERK_JWT_KEY nor CLERK_JWKS_URL is set")


@lru_cache(maxsize=4)
def _load_pem(pem: str) -> Any:
    try:
        return jwt.get_algorithm_by_name("RS256").prepare_key(pem)
    except (jwt.PyJWTError, ValueError) as error:
        raise Unavailable(_CANNOT_CHECK, "CLERK_JWT_KEY is not a public key") from error


@dataclass(frozen=True)
class _Keys:
    """The keys of one answer of the key server, by id."""

    by_id: Mapping[str, Any] = field(default_factory=dict)
    fetched_at: float = float("-inf")

    @property
    def age_s(self) -> float:
        return time.monotonic() - self.fetched_at


@dataclass(frozen=True)
class _Fetch:
    """A fetch that was begun: whoever needs its result waits for it until its deadline."""

    began_at: float
    result: "Future[_Keys]" = field(default_factory=Future)

    def wait(self) -> _Keys:
        """The keys. Raises whatever went wrong, `TimeoutError` included."""
        return self.result.result(max(0.0, self.began_at + FETCH_TIMEOUT_S - time.monotonic()))


class PublishedKeys:
    """A JWKS: fetched when a key is not known, at most once a minute, and every five minutes while it is used."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._keys = _Keys()
        self._fetch: _Fetch | None = None

    def get(self, key_id: object) -> Any:
        """The key of that id. Raises `Unauthenticated` or `Unavailable`, after `FETCH_TIMEOUT_S` at most."""
        if not isinstance(key_id, str):
            raise Unauthenticated("The token does not say which key signed it.")
        known = self._keys
        if key_id not in known.by_id or known.age_s > FRESH_S:
            known = self._refreshed(or_else=known if key_id in known.by_id and known.age_s <= USABLE_S else None)
        if key_id not in known.by_id:
            raise Unauthenticated("The token is signed by a key that is not known.")
        return known.by_id[key_id]

    def _refreshed(self, or_else: _Keys | None) -> _Keys:
        try:
            self._keys = self._current_fetch().wait()
        except Exception as error:
            if or_else is None:
                raise Unavailable(_CANNOT_CHECK, f"JWKS: {type(error).__name__}") from None
            return or_else
        return self._keys

    def _current_fetch(self) -> _Fetch:
        """The last fetch, or a new one where it is long enough ago."""
        with self._lock:
            pause = REFETCH_AFTER_S if self._keys.by_id else RETRY_AFTER_S
            if self._fetch is None or time.monotonic() - self._fetch.began_at >= pause:
                self._fetch = _Fetch(time.monotonic())
                # In a thread of its own: a host that drips a byte now and then keeps no request beyond the deadline.
                threading.Thread(target=_run, args=(self._url, self._fetch.result), daemon=True).start()
            return self._fetch


def _run(url: str, result: "Future[_Keys]") -> None:
    try:
        result.set_result(_Keys(_download(url), time.monotonic()))
    except HTTPError as error:
        error.close()
        result.set_exception(error)
    except Exception as error:
        result.set_exception(error)


def _download(url: str) -> dict[str, Any]:
    request = Request(url, headers={"Accept": "application/json", "User-Agent": "onboarding"})  # noqa: S310 - from the configuration alone
    with urlopen(request, timeout=FETCH_TIMEOUT_S) as response:  # noqa: S310 - as above
        keys = jwt.PyJWKSet.from_dict(json.loads(response.read(MAX_JWKS_BYTES))).keys
    usable = [key for key in keys if key.key_type == "RSA" and key.public_key_use in (None, "sig")]
    return {key.key_id: key.key for key in usable if isinstance(key.key_id, str)}


_published_keys = lru_cache(maxsize=4)(PublishedKeys)
