"""Answers of errors are small and quick, whatever was sent."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dev.harness.clerk import TokenFactory
from dev.harness.client import Response
from dev.harness.in_process import InProcess

USER = "user_2sizes"
BASE = "/api/onboarding"
MAX_ANSWER_BYTES = 16 * 1024
MAX_SECONDS = 10  # a bound for "quick" that a busy machine keeps too; the worst body took 60 s before
MIB = 1024 * 1024


@pytest.fixture
def calls(environment: dict[str, str], token: TokenFactory) -> InProcess:
    return InProcess("", 0, token)


def _filled(head: bytes, part: bytes, tail: bytes, separator: bytes = b",", size: int = 4 * MIB) -> bytes:
    """A body of nearly `size` bytes: as many parts as fit."""
    count = (size - len(head) - len(tail)) // (len(part) + len(separator))
    return head + separator.join([part] * count) + tail


def _numbered(head: bytes, part: str, tail: bytes, size: int = 4 * MIB) -> bytes:
    """The same with members of different names."""
    count = (size - len(head) - len(tail)) // (len(part % 999_999) + 1)
    return head + ",".join(part % number for number in range(count)).encode() + tail


STEPS = [f"step/{number}/complete" for number in range(1, 7)]
BODIES: dict[str, tuple[Callable[[], bytes], list[str]]] = {
    "NUL strings": (lambda: _filled(b'{"data":[', rb'"\u0000"', b"]}"), ["step/5/complete"]),
    "NUL names": (lambda: _numbered(b'{"data":{', r'"\u0000%06d":0', b"}}"), ["step/5/complete", "api-keys"]),
    "lone surrogates, deep": (
        lambda: _filled(b'{"a":' * 60 + b"[", rb'"\ud800"', b"]" + b"}" * 60),
        ["step4/persona-save"],
    ),
    "one NUL in a name of 4 MiB": (lambda: _filled(b'{"', rb"\u0000\u0001", b'":1}', b""), ["business-info"]),
    "a long path of long names": (
        lambda: (b'{"' + b"n" * 60_000 + b'":') * 60 + rb'["\u0000"]' + b"}" * 60,
        ["business-info", "step/2/complete"],
    ),
    "unknown providers": (lambda: _numbered(b'{"data":{"api_keys":{', '"p%06d":"x"', b"}}}"), ["step/1/complete"]),
    "a provider's long name": (
        lambda: _filled(b'{"data":{"api_keys":{"', "é".encode(), b'":"x"}}}', b""),
        ["step/1/complete"],
    ),
    "masked keys": (
        lambda: _filled(b'{"data":{"api_keys":{"openai":"', "…".encode(), b'"}}}', b""),
        ["step/1/complete"],
    ),
    "a long provider": (lambda: _filled(b'{"api_key":"x","provider":"', b"\\u0001", b'"}', b""), ["api-keys"]),
    "wrong types": (
        lambda: _filled(
            b'{"business_description":[', b"[]", b'],"industry":{},"target_audience":[],"business_goals":1}'
        ),
        ["business-info"],
    ),
    "a persona of wrong types": (
        lambda: _filled(b'{"core_persona":[', b"0", b'],"platform_personas":1,"quality_metrics":1}'),
        ["step4/persona-save"],
    ),
    "data too large": (lambda: _filled(b'{"data":{"website":"https://a.b","x":[', b"1", b"]}}"), STEPS),
    "errors too large": (
        lambda: _filled(b'{"data":{"website":"https://a.b"},"validation_errors":[', b"1", b"]}"),
        STEPS,
    ),
    "no JSON": (lambda: b"[" * 4 * MIB, STEPS),
    "more than 4 MiB": (lambda: b" " * (4 * MIB + 1), STEPS),
}


def _refused(response: Response, seconds: float, what: object) -> None:
    assert 400 <= response.status < 500, (what, response.status)
    assert len(response.body) <= MAX_ANSWER_BYTES, (what, len(response.body))
    assert seconds < MAX_SECONDS, (what, seconds)
    errors = response.json().get("errors", [])
    assert len(errors) <= 21
    assert all(len(error["field"]) <= 200 for error in errors)


def _post(calls: InProcess, path: str, body: bytes) -> tuple[Response, float]:
    began = time.monotonic()
    response = calls.post(f"{BASE}/{path}", user=USER, body=body, headers={"Content-Type": "application/json"})
    return response, time.monotonic() - began


@pytest.mark.parametrize("name", BODIES)
def test_a_refusal_of_a_large_body_is_small(calls: InProcess, name: str) -> None:
    """16 KiB at most, without waiting, by every rule that refuses bodies."""
    make, paths = BODIES[name]
    body = make()
    for path in paths:
        _refused(*_post(calls, path, body), (name, path))


def test_every_refused_string_is_counted(calls: InProcess) -> None:
    """20 are named, and the last entry says how many there are besides."""
    body = json.dumps({"data": [{"a": "\0", "b\0": ["fine", "\0"]}] * 100}).encode()
    errors = _post(calls, "step/5/complete", body)[0].json()["errors"]
    assert [error["field"] for error in errors[:3]] == ["data.0.a", "data.0.b?", "data.0.b?.1"]
    assert len(errors) == 21
    assert (errors[20]["code"], errors[20]["message"]) == ("more_errors", "280 more fields were refused")


def test_paths_methods_and_headers_do_not_enlarge_an_answer(calls: InProcess) -> None:
    """An answer says nothing back that could be long."""
    long = "x" * 6000
    for method, path, headers in [
        ("GET", f"/api/{long}", {}),
        ("GET", f"{BASE}/step/{long}", {}),
        ("GET", f"{BASE}/step/{'9' * 4000}", {}),
        ("GET", f"{BASE}/providers/{long}/setup", {}),
        ("DELETE", f"{BASE}/api-keys/{long}", {}),
        ("GET", f"{BASE}/style-detection/analysis/{long}", {}),
        ("GET", f"{BASE}/style-detection/session-analyses?limit={long}&before={long}", {}),
        ("GET", f"{BASE}/export?after={long}", {}),
        ("PATCH", f"{BASE}/init", {}),
        ("POST", f"{BASE}/step/2/complete", {"Content-Type": long}),
        ("POST", f"{BASE}/step/2/complete", {"X-Request-Id": long}),
        ("GET", f"{BASE}/init", {"Authorization": f"Bearer {long}"}),
        ("GET", f"{BASE}/init", {"Authorization": long}),
    ]:
        began = time.monotonic()
        sent = {"user": USER} if "Authorization" not in headers else {}
        response = calls.request(method, path, headers=headers, body=b"{}", **sent)
        _refused(response, time.monotonic() - began, (method, path[:60]))


_TEXT = st.text(st.characters(codec=None), max_size=8) | st.sampled_from(
    ["\0", "\ud800", "…", "\x01" * 150, "😀" * 150]
)
_ANY: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers() | _TEXT,
    lambda children: st.lists(children, max_size=30) | st.dictionaries(_TEXT, children, max_size=30),
    max_leaves=60,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from([*STEPS, "api-keys", "business-info", "step4/persona-save"]),
    data=_ANY,
    many=st.integers(1, 200),
)
def test_any_refusal_is_small(calls: InProcess, path: str, data: Any, many: int) -> None:
    """Whatever stands wherever, and however often."""
    body = json.dumps({"data": {"api_keys": data, "x": [data] * many}, "provider": data, "core_persona": data}).encode()
    response, seconds = _post(calls, path, body)
    if response.status >= 400:
        _refused(response, seconds, path)
