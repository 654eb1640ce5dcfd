"""Undoes the content encodings of an answer (RFC 9110, section 8.4.1), whole or not at all."""

import zlib
from collections.abc import Iterable

from lib.errors import AiBackendFailed

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_RAW_DEFLATE = -zlib.MAX_WBITS


def decoded(body: bytes, encodings: Iterable[str], limit: int) -> bytes:
    """The body with its encodings undone, the last one first. An empty body is empty in every encoding.

    Raises `AiBackendFailed` for an encoding other than gzip, deflate and identity, for a body that is broken or
    incomplete, and for one of more than `limit` bytes.
    """
    names = [name.lower() for name in encodings]
    for name in reversed(names):
        if name not in _DECODERS:
            raise AiBackendFailed(f"the answer is encoded as {name[:40]}, which was not asked for")
        body = _DECODERS[name](body, limit) if body else body
    return body


def _same(body: bytes, _limit: int) -> bytes:
    return body


def _gunzipped(body: bytes, limit: int) -> bytes:
    found = b""
    while body:  # a file of several members is their contents one after the other
        content, body = _inflated(body, limit - len(found), _GZIP_OR_ZLIB)
        found += content
    return found


def _undeflated(body: bytes, limit: int) -> bytes:
    # Many servers leave out the header that the standard asks for.
    try:
        return _inflated(body, limit, _GZIP_OR_ZLIB)[0]
    except AiBackendFailed:
        return _inflated(body, limit, _RAW_DEFLATE)[0]


def _inflated(body: bytes, limit: int, window: int) -> tuple[bytes, bytes]:
    """The content, and the bytes behind it."""
    inflating = zlib.decompressobj(window)
    try:
        content = inflating.decompress(body, limit + 1)
    except zlib.error as error:
        raise AiBackendFailed(f"the answer is not compressed as it says: {error}") from error
    if len(content) > limit:
        raise AiBackendFailed(f"the answer is larger than {limit} bytes")
    if not inflating.eof:
        raise AiBackendFailed("the compressed answer is incomplete")
    return content, inflating.unused_data


_DECODERS = {"identity": _same, "gzip": _gunzipped, "x-gzip": _gunzipped, "deflate": _undeflated}
