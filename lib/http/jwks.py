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
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from lib.config import Settings
from lib.errors import Unauthenticated, Unavailable

FETCH_TIMEOUT_S = 3.0
# A key that is not known may be a new one, but anybody can make up an id. So there are a few fetches in stock, and a
# new one every few seconds: no stranger keeps a genuine new key out for longer, and the key server has its peace.
FETCHES_IN_STOCK = 3
FETCH_EVERY_S = 10
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
    # Both are looked at: one that is set and cannot be used is a mistake to be told, although the other would do.
    pem, url = settings.clerk_public_key, settings.clerk_jwks_url
    if pem:
        return load_pem(pem)
    if url:
        return _published_keys(url).get(key_id)
    raise Unavailable(_CANNOT_CHECK, "neither CLERK_JWT_KEY nor CLERK_JWKS_URL is set")


@lru_cache(maxsize=4)
def load_pem(pem: str) -> Any:
    """The RSA public key in CLERK_JWT_KEY. Raises `Unavailable` where it is none, such as one of another kind."""
    try:
        key = jwt.get_algorithm_by_name("RS256").prepare_key(pem)
    except (jwt.PyJWTError, ValueError, TypeError):
        key = None
    if not isinstance(key, RSAPublicKey):
        raise Unavailable(_CANNOT_CHECK, "CLERK_JWT_KEY is not an RSA public key")
    return key


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


class _Stock:
    """A token bucket: how many fetches may begin now. Not for two threads at once."""

    def __init__(self) -> None:
        self._left = float(FETCHES_IN_STOCK)
        self._counted_at = time.monotonic()

    def take(self) -> bool:
        """Take one, if there is one."""
        now = time.monotonic()
        self._left = min(FETCHES_IN_STOCK, self._left + (now - self._counted_at) / FETCH_EVERY_S)
        self._counted_at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class PublishedKeys:
    """A JWKS: fetched when a key is not known, as often as the stock allows, and every five minutes while in use."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._keys = _Keys()
        self._fetch: _Fetch | None = None
        self._stock = _Stock()

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
        """The last fetch, or a new one where that may begin."""
        with self._lock:
            if self._fetch is None or self._may_fetch_again(self._fetch):
                self._fetch = _Fetch(time.monotonic())
                # In a thread of its own: a host that drips a byte now and then keeps no request beyond the deadline.
                threading.Thread(target=_run, args=(self._url, self._fetch.result), daemon=True).start()
            return self._fetch

    def _may_fetch_again(self, last: _Fetch) -> bool:
        age_s = time.monotonic() - last.began_at
        if not self._keys.by_id:
            return age_s >= RETRY_AFTER_S
        is_under_way = not last.result.done() and age_s < FETCH_TIMEOUT_S
        return not is_under_way and self._stock.take()


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
