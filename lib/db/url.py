"""Turns the Postgres URLs that hosting integrations hand out into what libpq accepts, with TLS to other machines."""

from ipaddress import ip_address
from itertools import zip_longest
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Conninfo

SEARCH_PATH = "public, pg_temp"
"""Where names are looked up, after pg_catalog. It is set in each transaction: a pooler refuses it at the start."""

# What libpq accepts without TLS, and so without knowing whom it talks to. Anything else is as strict as `require`,
# stricter, or no mode at all, which libpq refuses.
_WEAK_MODES = (None, "", "disable", "allow", "prefer")


class UnusableURL(ValueError):
    """The text is not the URL of a Postgres database; the message is one line without a secret."""


def libpq_url(url: str) -> str:
    """Accept `postgres://`, `postgresql://` and `postgresql+psycopg://`, and leave out parameters libpq does not know.

    Supabase adds `supa=…` and Prisma `pgbouncer=true`; libpq refuses the whole URL for one of those. A server that is
    not on this machine gets `sslmode=require`, unless the URL or the environment ask for more. Raises `UnusableURL`.
    """
    try:
        parts = urlsplit(url.strip())
        names = {option.keyword.decode() for option in Conninfo.get_defaults()}
        known = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name in names]
        # urlunsplit drops the `//` of an empty host, which a URL of a UNIX socket has.
        base = f"postgresql://{parts.netloc}" + urlunsplit(("", "", parts.path, "", ""))
        chosen = conninfo_to_dict(_with_query(base, known))
    except (psycopg.ProgrammingError, ValueError):
        # libpq's own message may quote the URL, password and all.
        raise UnusableURL("the Postgres URL cannot be read: percent-encode special characters") from None
    if mode := _needed_mode({name: str(value) for name, value in chosen.items()}):
        known = [(name, value) for name, value in known if name != "sslmode"] + [("sslmode", mode)]
    return _with_query(base, known)


def _with_query(base: str, parameters: list[tuple[str, str]]) -> str:
    return f"{base}?{urlencode(parameters)}" if parameters else base


def _needed_mode(chosen: dict[str, str]) -> str | None:
    """The `sslmode` to write into the URL, if any. What the URL leaves out comes from libpq's PG… variables."""
    effective = {**_defaults(), **chosen}
    endpoints = _endpoints(effective.get("host", ""), effective.get("hostaddr", ""))
    # A service is a name for a host in a file that libpq reads: which one, only libpq knows.
    is_elsewhere = "service" in chosen and endpoints == [""]
    if all(map(is_local, endpoints)) and not is_elsewhere:
        return None
    mode = effective.get("sslmode")
    if mode not in _WEAK_MODES:
        return mode
    # libpq takes the system's certificates with nothing weaker.
    return "verify-full" if effective.get("sslrootcert") == "system" else "require"


def _endpoints(hosts: str, addresses: str) -> list[str]:
    """Where libpq connects to: an address where there is one, and else the host of the same place in the list."""
    pairs = zip_longest(hosts.split(","), addresses.split(",") if addresses else [], fillvalue="")
    return [address or host for host, address in pairs]


def is_local(host: str) -> bool:
    """Whether it is this machine: the folder of a UNIX socket, libpq's default of one, or a loopback address."""
    if host in ("", "localhost") or host.startswith(("/", "@")):
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _defaults() -> dict[str, str]:
    return {option.keyword.decode(): option.val.decode() for option in Conninfo.get_defaults() if option.val}
