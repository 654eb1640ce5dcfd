"""Between a step's payload, as the wizard sends it, and the field groups that the tables hold. Pure.

Old payloads may break today's rules and must come along all the same: what a payload does not say clearly is left to
the step, which keeps the payload whole.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from lib.errors import InvalidData
from lib.steps.fields import (
    ANALYSIS_FIELDS,
    BUSINESS_FIELDS,
    DEPTHS,
    PERSONA_FIELDS,
    PREFERENCE_FIELDS,
    RESEARCH_STYLE_FIELDS,
    camel_case,
)
from lib.steps.integrations import integration_fields
from lib.steps.website_analysis import website_analysis
from migrations.legacy.records import ANALYSIS, INTEGRATIONS, PERSONA, PREFERENCES, Key
from migrations.legacy.values import is_empty

Values = dict[str, Any]

KIND_OF_STEP = {2: ANALYSIS, 3: PREFERENCES, 4: PERSONA, 5: INTEGRATIONS}

_ANY_URL = "https://stands.in"


def groups_of(step: int, payload: Mapping[str, Any]) -> tuple[Key, Values] | None:
    """What a payload says, as the step's own table holds it: kind and key, and the field groups that it brings."""
    kind = KIND_OF_STEP.get(step)
    if kind is None:
        return None
    url = website_of(payload) if step == 2 else ""
    values = _READERS[step](payload)
    if values is None:
        return None
    return (kind, url), {name: value for name, value in values.items() if value is not None}


def business_of(payload: Mapping[str, Any]) -> Values:
    """The business information in step 2's payload, as far as it is text."""
    sent = payload.get("businessData")
    texts = {name: sent.get(name) for name in BUSINESS_FIELDS} if isinstance(sent, Mapping) else {}
    return {name: text for name, text in texts.items() if isinstance(text, str) and text.strip()}


def with_business(payload: Mapping[str, Any], business: Mapping[str, Any]) -> Values:
    """Step 2's payload, showing the stored business information."""
    sent = payload.get("businessData")
    return {**payload, "businessData": {**(sent if isinstance(sent, Mapping) else {}), **business}}


def website_of(payload: Mapping[str, Any]) -> str:
    """The URL that step 2's payload is about, trimmed; empty for a business without a website."""
    candidates = (payload.get("website"), payload.get("website_url"), _nested(payload).get("website_url"))
    return next((text.strip() for text in candidates if isinstance(text, str) and text.strip()), "")


def canonical_depth(value: object) -> str | None:
    """The research depth in the one spelling that the table takes; None for what is none."""
    depth = str(value).strip().capitalize()
    return depth if depth in DEPTHS else None


def payload_of(step: int, url: str, values: Mapping[str, Any]) -> Values:
    """A payload in the wizard's shape, made of what the step's table holds."""
    if step == 2:
        return _website_payload(url, values)
    if step == 4:
        named = {camel_case(name): values.get(name) for name in PERSONA_FIELDS}
        return {name: value for name, value in named.items() if value is not None}
    return {name: values[name] for name in PREFERENCE_FIELDS if values.get(name) is not None}


def with_groups(step: int, payload: Mapping[str, Any], changed: Mapping[str, Any]) -> Values:
    """The payload with `changed` field groups in the places where it has them; it gets no new ones."""
    names = {name: camel_case(name) for name in PERSONA_FIELDS} if step == 4 else {}
    renamed = {names.get(column, column): value for column, value in changed.items()}
    result = {name: renamed.get(name, value) for name, value in payload.items()}
    if step in {2, 3} and isinstance(payload.get("analysis"), dict):
        result["analysis"] = {name: renamed.get(name, value) for name, value in payload["analysis"].items()}
    return result


def _website_payload(url: str, values: Mapping[str, Any]) -> Values:
    payload: Values = {"website": url, "domainName": _host(url)} if url else {"website": ""}
    if values.get("business_data") is not None:
        payload["businessData"] = values["business_data"]
    groups = {name: values[name] for name in ANALYSIS_FIELDS if values.get(name) is not None}
    return {**payload, "analysis": {**(values.get("additional_fields") or {}), **groups}}


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or url
    except ValueError:
        return url


def _analysis(payload: Mapping[str, Any]) -> Values | None:
    nested = {name: value for name, value in _nested(payload).items() if name != "website_url"}
    acceptable = {**payload, "website": _ANY_URL, "website_url": None, "analysis": nested}
    try:
        return dict(website_analysis(acceptable).fields)
    except InvalidData:
        return None


def _preferences(payload: Mapping[str, Any]) -> Values:
    nested = _nested(payload)
    style = {name: nested.get(name) if payload.get(name) is None else payload[name] for name in RESEARCH_STYLE_FIELDS}
    depth, types = canonical_depth(payload.get("research_depth")), payload.get("content_types")
    switches = {name: payload.get(name) for name in ("auto_research", "factual_content")}
    return {
        "research_depth": depth,
        "content_types": types if isinstance(types, list) else None,
        **{name: value if isinstance(value, bool) else None for name, value in switches.items()},
        **{name: None if is_empty(value) else value for name, value in style.items()},
    }


def _persona(payload: Mapping[str, Any]) -> Values | None:
    values = {name: payload.get(camel_case(name)) for name in PERSONA_FIELDS}
    return None if all(is_empty(value) for value in values.values()) else values


def _integrations(payload: Mapping[str, Any]) -> Values:
    return dict(integration_fields(payload))


def _nested(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    analysis = payload.get("analysis")
    return analysis if isinstance(analysis, Mapping) else {}


_READERS = {2: _analysis, 3: _preferences, 4: _persona, 5: _integrations}
