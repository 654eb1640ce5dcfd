"""The doctor inside an environment: its variables, database and AI backend, as the functions would meet them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import ip_address

import httpx
import psycopg

from lib.config import Settings
from lib.db.encryption import KeyRing
from lib.db.operators import Connection, UnusableURL, connect, postgres_url, reason_of, take_role
from lib.db.readiness import obstacles, stored_revision
from lib.db.schema import EXPECTED_REVISION
from lib.errors import Unavailable
from scripts.doctor_findings import Finding, note, ok, wrong
from scripts.doctor_settings import examine_settings

LEEWAY_S = 5
"""How far a clock may be off before tokens are refused: as the functions' own leeway."""
AI_TIMEOUT_S = 5

_OUTDATED = "SELECT count(*), count(*) FILTER (WHERE substr(encrypted_key, 1, %s) <> ALL(%s)) FROM api_keys"


def examine_environment(settings: Settings) -> Iterator[Finding]:
    """Yield what is found, one thing after the other."""
    yield from examine_settings(settings)
    yield from _pooled(settings)
    yield from _direct(settings)
    yield from _ai_backend(settings)


def _pooled(settings: Settings) -> Iterator[Finding]:
    """The connection that the functions use, where it is another one than the direct one."""
    try:
        pooled, direct = postgres_url(settings.database_url), postgres_url(settings.direct_database_url)
        if pooled == direct:
            return
        with connect(pooled, "doctor") as connection:
            take_role(connection, "onboarding_app")
    except (Unavailable, UnusableURL, psycopg.Error) as error:
        yield wrong("pooled database", reason_of(error))
        return
    yield ok("pooled database", "answers, and the functions can work in it")


def _direct(settings: Settings) -> Iterator[Finding]:
    try:
        url = postgres_url(settings.direct_database_url)
        with connect(url, "doctor") as connection:
            connection.autocommit = True
            yield ok("database", f"answers at {url}")
            yield from _database(connection, settings)
    except (Unavailable, UnusableURL, psycopg.Error) as error:
        yield wrong("database", reason_of(error))


def _database(connection: Connection, settings: Settings) -> Iterator[Finding]:
    yield _tls(connection)
    yield _clock(connection)
    is_readable = connection.info.parameter_status("server_encoding") == "UTF8"
    revision = stored_revision(connection) if is_readable else None
    if revision is None or revision < EXPECTED_REVISION:
        yield from (wrong("database", obstacle) for obstacle in obstacles(connection))
        advice = "run python -m migrations (make migrate)"
        yield wrong("schema", f"is at {revision or 'no revision'}, the code needs {EXPECTED_REVISION}: {advice}")
        return
    yield ok("schema", f"is at {revision}")
    for role in ("onboarding_app", "onboarding_operator"):
        with connection.transaction():
            take_role(connection, role)
    yield ok("database login", "can work as onboarding_app and onboarding_operator")
    yield from _stored_keys(connection, settings)


def _tls(connection: Connection) -> Finding:
    if connection.pgconn.ssl_in_use:
        return ok("TLS", "protects the connection to the database")
    if _is_local(connection.info.host):
        return ok("TLS", "is not needed: the database is on this machine")
    return wrong("TLS", "is not used on the way to the database: add ?sslmode=require to its URL")


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host in {"", "localhost"} or host.startswith(("/", "@"))


def _clock(connection: Connection) -> Finding:
    before = datetime.now(UTC)
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    after = datetime.now(UTC)
    offset = (row[0] - (before + (after - before) / 2)).total_seconds() if row else 0.0
    return clock("the database's clock", offset)


def clock(subject: str, offset: float) -> Finding:
    """Judge by how many seconds another clock is ahead of this one (negative: behind)."""
    if abs(offset) <= LEEWAY_S:
        return ok(subject, "agrees with this machine's")
    way = "ahead of" if offset > 0 else "behind"
    return wrong(subject, f"is {abs(offset):.0f} s {way} this machine's: set the one that is wrong by NTP")


def _stored_keys(connection: Connection, settings: Settings) -> Iterator[Finding]:
    try:
        prefixes = [KeyRing((key,)).current_prefix for key in settings.api_key_encryption_keys]
    except Unavailable:
        return  # said already
    with connection.transaction():
        take_role(connection, "onboarding_operator")
        row = connection.execute(_OUTDATED, [len(prefixes[0]), prefixes]).fetchone()
    total, unreadable = row or (0, 0)
    if unreadable:
        yield wrong(
            "stored API keys",
            f"{unreadable:,} of {total:,} cannot be read with API_KEY_ENCRYPTION_KEYS: add the key that they are under",
        )
    else:
        yield ok("stored API keys", f"can all be read ({total:,})")


def _ai_backend(settings: Settings) -> Iterator[Finding]:
    try:
        url = settings.ai_backend_url
    except Unavailable:
        return  # said already
    if url is None:
        return
    try:
        status = httpx.get(url, timeout=AI_TIMEOUT_S, follow_redirects=False).status_code
    except httpx.HTTPError as error:
        yield wrong("AI backend", f"cannot be reached ({type(error).__name__}): correct AI_BACKEND_URL, or start it")
        return
    if url.startswith("http://") and not _is_local(httpx.URL(url).host):
        yield note("AI backend", f"answers ({status}), and users' tokens travel there without TLS: use https")
    else:
        yield ok("AI backend", f"answers ({status})")
