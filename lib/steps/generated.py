"""What the AI backend generates, as the steps take it. Pure: its answers in, payloads of the steps out."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from lib.steps.fields import PERSONA_FIELDS
from lib.steps.limits import MAX_DATA_BYTES, json_bytes

# How the page sends on to step 3 what discovering competitors gave it.
_RESEARCH_NAMES = {
    "competitors": "competitors",
    "research_summary": "researchSummary",
    "user_url": "userUrl",
    "industry_context": "industryContext",
    "analysis_timestamp": "analysisTimestamp",
    "social_media_accounts": "socialMediaAccounts",
    "social_media_citations": "socialMediaCitations",
}


def is_success(answer: Mapping[str, Any]) -> bool:
    """Whether the AI backend says that it did what was asked."""
    return answer.get("success") is True


def website_payload(url: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    """A finished analysis as the payload of step 2. What was crawled is left out where all would be too large."""
    style = answer.get("style_analysis")
    found = {name: answer.get(name) for name in ("crawl_result", "style_patterns", "style_guidelines")}
    analysis = {**(style if isinstance(style, Mapping) else {}), "website_url": url, **found}
    payload = {"website": url, "domainName": urlsplit(url).hostname, "analysis": analysis}
    if json_bytes(payload) > MAX_DATA_BYTES:
        analysis["crawl_result"] = None
    room = MAX_DATA_BYTES - json_bytes({**payload, "analysis": {}})
    return {**payload, "analysis": fitted(analysis, room)}


def fitted(found: Mapping[str, Any], limit: int = MAX_DATA_BYTES) -> dict[str, Any]:
    """As many of the members as take at most `limit` bytes together: the largest ones are left out first."""
    kept = dict(found)
    if json_bytes(kept) <= limit:
        return kept
    sizes = {name: json_bytes({name: value}) for name, value in kept.items()}
    for name in sorted(sizes, key=lambda name: sizes[name], reverse=True):
        if sum(sizes.values()) <= limit:
            break
        del kept[name], sizes[name]
    return kept


def competitors_draft(answer: Mapping[str, Any]) -> dict[str, Any]:
    """What was found about competitors, in the names of step 3's payload."""
    return fitted({name: answer[sent] for sent, name in _RESEARCH_NAMES.items() if answer.get(sent) is not None})


def sitemap_draft(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The analysis of a sitemap, in the name of step 3's payload."""
    return {"sitemapAnalysis": fitted(answer, MAX_DATA_BYTES - json_bytes({"sitemapAnalysis": {}}))}


def finished_result(task: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a task gave; empty until it is done, and where it failed."""
    result = task.get("result")
    if task.get("status") != "completed" or not isinstance(result, Mapping):
        return {}
    return result if result.get("success", True) is True else {}


def persona_fields(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a generated persona; empty where there is none that step 4 would take."""
    found = fitted({name: answer[name] for name in PERSONA_FIELDS if answer.get(name) is not None})
    core = found.get("core_persona")
    return found if isinstance(core, Mapping) and isinstance(core.get("identity"), Mapping) else {}
