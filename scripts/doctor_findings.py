"""What the doctor finds: a sentence each, with the fix in the same line where something is wrong."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from textwrap import wrap
from typing import Literal

type State = Literal["ok", "note", "wrong"]

COLUMNS = 80
_MARKS: dict[State, str] = {"ok": "✓", "note": "–", "wrong": "✗"}


@dataclass(frozen=True)
class Finding:
    """The state of one thing. A `note` is a choice that may be meant; only what is `wrong` fails the examination."""

    subject: str
    state: State
    said: str


def ok(subject: str, said: str = "is set and well formed") -> Finding:
    """All is well with it."""
    return Finding(subject, "ok", said)


def note(subject: str, said: str) -> Finding:
    """It works, and may not be what was meant."""
    return Finding(subject, "note", said)


def wrong(subject: str, said: str) -> Finding:
    """It does not work."""
    return Finding(subject, "wrong", said)


def lines(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield the findings for a terminal, in 80 columns."""
    for finding in findings:
        text = f"{_MARKS[finding.state]} {finding.subject}: {finding.said}"
        yield from wrap(text, COLUMNS, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
