"""The one module that sees every layer: wires settings, database and routes into a function's app.

What is heavy is imported and made at first use, so that a preflight or the catalogue does not wait for it, and a
missing setting is an answer and not a crash.
"""

import gc
import importlib.util
import logging
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from http.server import ThreadingHTTPServer
from typing import TYPE_CHECKING

from lib.config import POOLED_URL_VARIABLES, misconfigured, settings
from lib.http.app import Route, Services, WsgiApp, build_app
from lib.http.request_id import current_request_id, mark_log_records

if TYPE_CHECKING:
    from lib.db.database import Database
    from lib.db.encryption import KeyRing

MOST_WAITING_CONNECTIONS = 512
SWITCH_INTERVAL_S = 0.0005
_OPTIONAL_MODULES = ("vercel.cache.cache_build", "vercel.cache.context", "vercel.headers")


def make_app(*endpoints: str) -> WsgiApp:
    """The WSGI app of one function. `endpoints` names the modules that hold its `ROUTES`, imported at first use."""
    _configure_logging()
    # Vercel's runtime serves WSGI with this class. Its queue of 5 connections loses those of a larger burst.
    ThreadingHTTPServer.request_queue_size = MOST_WAITING_CONNECTIONS
    _note_missing_modules()
    # The thread that accepts connections waits for the interpreter as each of the busy ones does: by default so long
    # that they pile up before it, where nobody counts them.
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    return build_app(lambda: _routes_of(endpoints), Services(database=database, key_ring=key_ring))


def _note_missing_modules() -> None:
    """Let each import of what is not installed fail at once.

    Vercel's runtime imports these six times a request, in case they are there. Python looks for a missing module in
    every folder each time, 0.2 ms, with a lock on its name, behind which the threads of a busy instance pile up.
    """
    if importlib.util.find_spec("vercel") is None:
        for name in _OPTIONAL_MODULES:
            sys.modules.setdefault(name, None)  # type: ignore[arg-type] # None: "not there" (the import system's docs)


def _routes_of(endpoints: Sequence[str]) -> list[Route]:
    with _no_garbage_collection():
        return [route for name in endpoints for route in importlib.import_module(name).ROUTES]


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Import without looking for garbage: what an import makes stays, and looking through it takes longer each time."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def database() -> "Database":
    """The process's database, connected at its first statement. Raises `Unavailable` without a URL."""
    # A cache alone lets requests that come first side by side make a pool each.
    with _making_database:
        return _database()


_making_database = threading.Lock()


@lru_cache(maxsize=1)
def _database() -> "Database":
    from lib.db.database import Database
    from lib.db.engine import build_pool
    from lib.db.url import UnusableURL
    from lib.http.admission import turn
    from lib.http.crowd import CROWD

    try:
        return Database(build_pool(settings().database_url), turn, current_request_id, CROWD.left)
    except UnusableURL as error:
        raise misconfigured(f"{' or '.join(POOLED_URL_VARIABLES)}: {error}") from None


@lru_cache(maxsize=1)
def key_ring() -> "KeyRing":
    """The encryption keys. Raises `Unavailable` where they are missing or malformed."""
    from lib.db.encryption import KeyRing

    return KeyRing(settings().api_key_encryption_keys)


def reset() -> None:
    """Drop settings, connections and keys, so that a changed environment is read again. For tests."""
    if _database.cache_info().currsize:
        database().close()
    for cached in (settings, _database, key_ring):
        cached.cache_clear()


def _configure_logging() -> None:
    if not logging.getLogger().handlers:
        # The platform sets up the root logger; elsewhere it has no handler yet.
        logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    logging.getLogger("lib").setLevel(logging.INFO)
    mark_log_records()
