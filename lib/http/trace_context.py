"""The `traceparent` header of W3C Trace Context (https://www.w3.org/TR/trace-context/), read and passed on."""

import re

import falcon

HEADER = "traceparent"

# A version after 00 may add fields behind a hyphen; ff is no version, and ids of zeros alone are no ids.
_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})(?P<trace_id>[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?P<more>-[!-~]{0,200})?"
)


def traceparent(request: falcon.Request) -> str | None:
    """The header as it was sent; None where there is none or it is malformed."""
    return sent if (sent := request.get_header(HEADER)) and trace_id(sent) else None


def trace_id(sent: str) -> str | None:
    """The trace's id, 32 hexadecimal digits; None for a malformed header."""
    found = _TRACEPARENT.fullmatch(sent)
    if found is None or (found["more"] and sent.startswith("00")):
        return None
    return found["trace_id"]
