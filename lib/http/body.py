"""Reads a request's body: a JSON object, validated before anything else looks at it."""

import json
import math
import re
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from itertools import islice
from typing import Any

import falcon

from lib.errors import MAX_ERRORS, FieldError, InvalidData
from lib.http.admission import hold_body
from lib.http.crowd import CROWD
from lib.http.problems import BadBody
from lib.steps.api_keys import shown_name

MAX_BODY_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 64

# Only an escape can bring a NUL or an unpaired surrogate into a JSON string, so most bodies need no second look.
_SUSPICIOUS = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_NOT_STORABLE = "must not contain a NUL character or an unpaired surrogate"
_JSON_MEDIA_TYPE = re.compile(r"application/(?:[\w.-]+\+)?json", re.IGNORECASE)


def read_json_object(request: falcon.Request, *, required: bool) -> dict[str, Any]:
    """The body as an object; an empty one where none is `required` and none was sent.

    Raises `BadBody` (400, 413, 415) or `InvalidData` for a character that Postgres cannot hold.
    """
    raw = read_raw(request)
    if not raw and not required:
        return {}
    if raw and not _is_declared_json(request.content_type):
        raise BadBody(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send the body as application/json.", "unsupported_media_type")
    body = parse_json(raw)
    if not isinstance(body, dict):
        raise _malformed("The body has to be a JSON object.")
    if is_deeper_than(MAX_DEPTH, body):
        raise _malformed(f"The body is nested deeper than {MAX_DEPTH} levels.")
    if _SUSPICIOUS.search(raw):
        _refuse_unstorable(body)
    return body


def read_raw(request: falcon.Request) -> bytes:
    """The body's bytes, 4 MiB at most. Raises `BadBody` (400, 413)."""
    declared = request.content_length or 0
    if declared > MAX_BODY_BYTES:
        raise BadBody(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is larger than 4 MiB.", "payload_too_large")
    hold_body(declared)
    with CROWD.left():
        raw: bytes = request.bounded_stream.read(declared)
    if len(raw) < declared:
        raise _malformed("The body is shorter than its Content-Length says.")
    return raw


def with_storable_text(raw: bytes, value: Any) -> Any:
    """A value that was parsed from `raw`, with each character that Postgres cannot hold replaced by U+FFFD."""
    return _with_storable_text(value) if _SUSPICIOUS.search(raw) else value


def parse_json(raw: bytes) -> object:
    """The JSON value in the bytes. Raises `BadBody`, also for NaN, Infinity and what rounds to them."""
    try:
        return json.loads(raw.decode("utf-8"), parse_float=_finite, parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise _malformed("The body is not valid UTF-8.") from None
    except json.JSONDecodeError as error:
        raise _malformed(f"The body is not valid JSON (line {error.lineno}, column {error.colno}).") from None
    except RecursionError:
        raise _malformed(f"The body is nested deeper than {MAX_DEPTH} levels.") from None
    except ValueError:
        raise _malformed("The body contains a number that is too large.") from None


def _finite(literal: str) -> float:
    number = float(literal)
    if math.isinf(number):
        raise ValueError(literal)
    return number


def _refuse_constant(_name: str) -> None:
    raise _malformed("The body contains NaN or Infinity, which are not JSON.")


def _is_declared_json(content_type: str | None) -> bool:
    return _JSON_MEDIA_TYPE.fullmatch((content_type or "").split(";", 1)[0].strip()) is not None


def is_deeper_than(levels: int, body: object) -> bool:
    """Whether objects and lists are nested in more than so many levels."""
    level = [body]
    for _ in range(levels):
        level = [child for parent in level for child in _children(parent) if isinstance(child, dict | list)]
        if not level:
            return False
    return True


def _children(value: object) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _refuse_unstorable(body: object) -> None:
    """Raises `InvalidData` where a string or a member's name holds a character that Postgres cannot store.

    A body may hold half a million of them: a path is put together for those alone that an answer names.
    """
    places = _unstorable(body)
    errors = [_unstorable_error(place) for place in islice(places, MAX_ERRORS)]
    if errors:
        raise InvalidData(errors, more=_count_of_unstorable(body) - len(errors))


type _Place = tuple[str | int, ...]  # names and indexes, the innermost first; _NAME before it: the name itself
_NAME = -1


def _unstorable(value: object) -> Iterator[_Place]:
    """The place of each string and name that cannot be stored."""
    if isinstance(value, dict):
        for name, item in value.items():
            if not _is_storable(name):
                yield (_NAME, name)
            for place in _within(item):
                yield (*place, name)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            for place in _within(item):
                yield (*place, index)


def _within(item: object) -> Iterable[_Place]:
    if isinstance(item, str):
        return () if _is_storable(item) else ((),)
    return _unstorable(item) if isinstance(item, dict | list) else ()


def _unstorable_error(place: _Place) -> FieldError:
    is_name = place[0] == _NAME
    parts = reversed(place[1:] if is_name else place)
    path = ".".join(_shown(part) if isinstance(part, str) else str(part) for part in parts)
    return FieldError(path, "unstorable_text", f"{_NOT_STORABLE} in its name" if is_name else _NOT_STORABLE)


def _count_of_unstorable(body: object) -> int:
    """How many strings and names cannot be stored."""
    count, level = 0, [body]
    while level:
        texts = (text for value in level for text in _texts(value))
        count += sum(1 for text in texts if not _is_storable(text))
        level = [child for parent in level for child in _children(parent) if isinstance(child, dict | list)]
    return count


def _texts(value: object) -> Iterator[str]:
    """The names and the strings that stand directly in an object or a list."""
    if isinstance(value, dict):
        yield from value
    yield from (child for child in _children(value) if isinstance(child, str))


def _with_storable_text(value: Any) -> Any:
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_with_storable_text(name): _with_storable_text(item) for name, item in value.items()}
    return [_with_storable_text(item) for item in value] if isinstance(value, list) else value


def _is_storable(text: str) -> bool:
    # ASCII without NUL is the usual case, and both questions are answered without looking at each character.
    return (text.isascii() and "\0" not in text) or _UNSTORABLE.search(text) is None


def _shown(name: str) -> str:
    return shown_name(name.encode("utf-8", "replace").decode().replace("\0", "?"))


def _malformed(detail: str) -> BadBody:
    return BadBody(HTTPStatus.BAD_REQUEST, detail)
