"""Turns the Postgres URLs that hosting integrations hand out into what libpq accepts."""

from functools import cache
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from psycopg.pq import Conninfo


def libpq_url(url: str) -> str:
    """Accept `postgres://`, `postgresql://` and `postgresql+psycopg://`, and leave out parameters libpq does not know.

    Supabase adds `supa=…` and Prisma `pgbouncer=true`; libpq refuses the whole URL for one of those.
    """
    parts = urlsplit(url.strip())
    known = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name in _parameters()]
    # urlunsplit drops the `//` of an empty host, which a URL of a UNIX socket has.
    return f"postgresql://{parts.netloc}" + urlunsplit(("", "", parts.path, urlencode(known), ""))


@cache
def _parameters() -> frozenset[str]:
    return frozenset(option.keyword.decode() for option in Conninfo.get_defaults())
