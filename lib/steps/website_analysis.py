"""Step 2: a website and what was found out about its style, or a business without a website."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

from pydantic import field_validator

from lib.errors import FieldError, InvalidData
from lib.steps.fields import ANALYSIS_FIELDS, BELONGS_TO, BUSINESS_FIELDS, BusinessFields, SavedAnalysis
from lib.steps.validation import Payload, refusal, validated

MAX_URL_CHARACTERS = 8192


class AnalysisPayload(Payload):
    """What the wizard sends under `analysis`."""

    website_url: str | None = None
    """The website's URL, where it is not beside `analysis`."""

    @field_validator("website_url")
    @classmethod
    def _is_web_url(cls, value: str | None) -> str | None:
        return _trimmed_url(value)


class WebsitePayload(Payload):
    """Step 2's `data`."""

    website: str | None = None
    """The website's URL: `http://` or `https://`, and a host. Needed unless there is `businessData`."""
    website_url: str | None = None
    """The same under another name."""
    analysis: AnalysisPayload | None = None
    """What was found out about the website: its style, patterns and guidelines."""
    businessData: dict[str, Any] | None = None
    """What a user without a website tells of the business."""

    @field_validator("website", "website_url")
    @classmethod
    def _is_web_url(cls, value: str | None) -> str | None:
        return _trimmed_url(value)


@dataclass(frozen=True)
class WebsiteAnalysis:
    """Step 2's payload as it is stored: the URL (empty for a business without one) and its fields."""

    website_url: str
    fields: SavedAnalysis
    business: BusinessFields | None

    @property
    def found(self) -> SavedAnalysis | None:
        """The fields; None where they tell of a business alone, without a website and without an analysis."""
        of_analysis = (value for name, value in self.fields.items() if name != "business_data")
        return self.fields if self.website_url or any(of_analysis) else None


def website_analysis(data: Mapping[str, Any]) -> WebsiteAnalysis:
    """Validate step 2's payload; give its fields. Raises `InvalidData`."""
    payload = validated(WebsitePayload, data, "data")
    nested_url = payload.analysis.website_url if payload.analysis else None
    url = payload.website or payload.website_url or nested_url or ""
    if not url and not payload.businessData:
        message = f"is required, or businessData without a website; {_EXPECTED}"
        raise InvalidData([FieldError(_url_field(data), "required", message)])
    return WebsiteAnalysis(url, _fields(data), _business(data))


def _fields(data: Mapping[str, Any]) -> SavedAnalysis:
    analysis: Mapping[str, Any] = data.get("analysis") or {}
    fields = {name: _either(analysis.get(name), data.get(name)) for name in ANALYSIS_FIELDS}
    # The five-step page calls it so.
    fields["crawl_result"] = _either(fields["crawl_result"], data.get("crawlResult"))
    for name, owner in BELONGS_TO.items():
        if name in analysis and isinstance(fields[owner], dict | None):
            fields[owner] = {name: analysis[name]} | (fields[owner] or {})
    known = {*ANALYSIS_FIELDS, *BELONGS_TO, "website_url"}
    fields["business_data"] = data.get("businessData")
    fields["additional_fields"] = {name: value for name, value in analysis.items() if name not in known} or None
    return cast(SavedAnalysis, fields)


def _business(data: Mapping[str, Any]) -> BusinessFields | None:
    """The business information in the payload, as far as it is text; None where there is none."""
    sent: Mapping[str, Any] = data.get("businessData") or {}
    fields = {name: sent[name] if isinstance(sent.get(name), str) else None for name in BUSINESS_FIELDS}
    return cast(BusinessFields, fields) if any(fields.values()) else None


def _either(nested: Any, at_top: Any) -> Any:
    return at_top if nested is None else nested


def _url_field(data: Mapping[str, Any]) -> str:
    return "data.website_url" if "website_url" in data and "website" not in data else "data.website"


_EXPECTED = "a website's URL starts with http:// or https:// and has a host"


def _trimmed_url(value: str | None) -> str | None:
    url = (value or "").strip()
    if url and not _is_web_url(url):
        raise refusal(
            "invalid_url",
            f"must start with http:// or https://, have a host, and be at most {MAX_URL_CHARACTERS} characters long",
        )
    return url or None


def _is_web_url(url: str) -> bool:
    if len(url) > MAX_URL_CHARACTERS or not url.isprintable() or any(character.isspace() for character in url):
        return False
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises ValueError for a port that is none
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def is_web_url(value: object) -> bool:
    """Whether the value is the URL of a website."""
    return isinstance(value, str) and _is_web_url(value.strip())
