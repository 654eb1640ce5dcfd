"""ETags, and the conditions that requests make with them (RFC 9110, sections 8.8.3 and 13.1)."""

import re
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from typing import Never

import falcon

from lib.http.app import Answer
from lib.http.problems import BadBody
from lib.json_text import dumps

_TAG = re.compile(r'(W/)?"([!#-~\x80-\xff]*)"')
_TAGS = re.compile(rf"{_TAG.pattern}(?:[ \t]*,[ \t]*{_TAG.pattern})*")
_VERSION = re.compile(r"0|[1-9]\d{0,17}", re.ASCII)


@dataclass(frozen=True)
class Known:
    """What an `If-None-Match` says that the caller has: tags without their quotes, or anything there is."""

    tags: frozenset[str] = frozenset()
    anything: bool = False

    def covers(self, tag: str) -> bool:
        """Whether the caller has what this tag stands for."""
        return self.anything or tag in self.tags

    def versions(self) -> list[int]:
        """Those tags that are versions of a step."""
        return [int(tag) for tag in self.tags if _VERSION.fullmatch(tag)]

    def before(self, suffix: str) -> list[str]:
        """What stands before `suffix` in the tags that end in it."""
        return [tag.removesuffix(suffix) for tag in self.tags if tag.endswith(suffix)]


def expected_versions(request: falcon.Request) -> list[int] | None:
    """The versions of `If-Match`; None where any will do. Raises `BadBody` (400).

    `*` means any version: every step is there, be it untouched. A tag that is no version matches none.
    """
    value = request.get_header("If-Match")
    if value is None or value.strip() == "*":
        return None
    tags = _tags("If-Match", value)
    if any(is_weak for is_weak, _ in tags):
        raise _malformed("If-Match", "weak ETags never match in it")
    return [int(tag) for _, tag in tags if _VERSION.fullmatch(tag)]


def known(request: falcon.Request) -> Known:
    """What the caller has, by `If-None-Match`. Raises `BadBody` (400)."""
    value = request.get_header("If-None-Match")
    if value is None:
        return Known()
    if value.strip() == "*":
        return Known(anything=True)
    return Known(frozenset(tag for _, tag in _tags("If-None-Match", value)))


def etag_of_version(version: int) -> dict[str, str]:
    """The header for a version of a step."""
    return {"ETag": f'"{version}"'}


def fingerprint(*inputs: object) -> str:
    """What a tag ends in for all that an answer shows besides what is stored."""
    return "-" + sha256(dumps(inputs).encode()).hexdigest()[:16]


def weak_etag(tag: str) -> dict[str, str]:
    """The header for an answer that means the same while it has this tag, be it not byte for byte."""
    return {"ETag": f'W/"{tag}"'}


def not_modified(etag: dict[str, str]) -> Answer[Never]:
    """304: the caller has it."""
    return Answer(HTTPStatus.NOT_MODIFIED, headers=etag)


def _tags(header: str, value: str) -> list[tuple[bool, str]]:
    """Each tag: whether it is weak, and what stands between its quotes."""
    if not _TAGS.fullmatch(value.strip()):
        raise _malformed(header, 'it holds ETags such as "7", separated by commas, or *')
    return [(tag[1] is not None, tag[2]) for tag in _TAG.finditer(value)]


def _malformed(header: str, expected: str) -> BadBody:
    return BadBody(HTTPStatus.BAD_REQUEST, f"The header {header} cannot be used: {expected}.", "malformed_validator")
