"""Which paths may be relayed: those that every server between here and the AI backend reads alike."""

import re
from urllib.parse import unquote_to_bytes

from lib.errors import NotFound

NO_SUCH_URL = "There is nothing at this URL."

# A fragment is never sent to a server, so one that is here was meant for somebody else.
_PRINTABLE = re.compile(r'[!-"$-~]+')
_MOST_ENCODINGS = 8
_TWO_READINGS = re.compile(r"//|\.\.|[\\\0]|/\.(?:[/;]|$)")


def target_of(path: str, query: str) -> str:
    """The raw path with its query. Raises `NotFound` for a path that another server could read as another path."""
    target = f"{path}?{query}" if query else path
    plain = fully_decoded(path)
    if not _PRINTABLE.fullmatch(target) or _TWO_READINGS.search(plain) or plain.count("/") != path.count("/"):
        raise NotFound(NO_SUCH_URL)
    return target


def fully_decoded(path: str) -> str:
    """The path with every percent-encoding undone, however often it was done.

    Raises `NotFound` where it was done too often for a path that anybody means, or what comes out is not UTF-8.
    """
    plain = path.encode("utf-8", "replace")
    for _ in range(_MOST_ENCODINGS):
        before, plain = plain, unquote_to_bytes(plain)
        if plain == before:
            break
    else:
        raise NotFound(NO_SUCH_URL)
    try:
        return plain.decode()
    except UnicodeDecodeError:
        raise NotFound(NO_SUCH_URL) from None
