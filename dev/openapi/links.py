"""What a caller can do with an answer: the calls that take a value from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lib.steps.definitions import SIX_STEPS

ETAG = "$response.header.ETag"


@dataclass(frozen=True)
class Link:
    """From the operation `of`, one of `to`: with a parameter that the first one's answer gives."""

    of: str
    to: str
    parameter: str
    value: str
    description: str


def _of_step(suffix: str) -> list[Link]:
    changing = (f"complete{suffix}", f"saveDraftOf{suffix}")
    reading = [
        Link(of, f"get{suffix}", "header.If-None-Match", ETAG, "Read the step if it has changed.") for of in changing
    ]
    again = [
        Link(of, f"{to}{suffix}", "header.If-Match", ETAG, "Only if nobody changed the step meanwhile.")
        for of in (f"get{suffix}", *changing)
        for to in ("complete", "saveDraftOf", "discardDraftOf")
    ]
    return [*reading, *again]


LINKS = [
    *[
        Link(name, name, "header.If-None-Match", ETAG, "Ask again whether anything has changed.")
        for name in ("getInit", "getStatus", "getSummary")
    ],
    *[link for number, _ in SIX_STEPS.numbered() for link in _of_step(f"Step{number}")],
    *[
        Link(of, to, "path.id", f"$response.body#/{member}", "The analysis by its id.")
        for of, member in (
            ("getWebsiteAnalysis", "analysis_id"),
            ("listAnalyses", "analyses/0/analysis_id"),
            ("checkExistingAnalysis", "analysis_id"),
        )
        for to in ("getAnalysis", "editAnalysis", "deleteAnalysis")
    ],
    Link("listAnalyses", "listAnalyses", "query.before", "$response.body#/next", "The next page."),
    Link("export", "export", "query.after", "$response.body#/next", "The next page."),
    *[
        Link("saveBusinessInfo", to, "path.id", "$response.body#/id", "The information by its id.")
        for to in ("getBusinessInfo", "replaceBusinessInfo")
    ],
    Link("saveKey", "deleteKey", "path.provider", "$response.body#/provider", "Delete the key."),
    Link("startPersonaTask", "getPersonaTask", "path.task_id", "$response.body#/task_id", "Ask how far it is."),
]


def links_of(operation_id: str) -> dict[str, Any]:
    """The member of an answer's description."""
    found = [link for link in LINKS if link.of == operation_id]
    return {"links": {link.to: _link(link) for link in found}} if found else {}


def _link(link: Link) -> dict[str, Any]:
    return {
        "operationId": link.to,
        "parameters": {link.parameter: link.value},
        "description": link.description,
    }
