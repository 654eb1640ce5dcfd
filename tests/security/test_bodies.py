"""Bodies and addresses that nobody should send: an answer below 500, nothing half-stored, and no traceback.

`make test` tries a part of it; `make fuzz` sets FUZZ_CASES and goes on for long.
"""

from __future__ import annotations

import copy
import json
import os
import re
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from api.onboarding.integrations import app as step_5
from dev.harness.clerk import TokenFactory
from dev.harness.client import Client, Response
from dev.harness.in_process import InProcess
from dev.harness.routes import all_routes
from dev.harness.wizard import STEP_DATA
from lib.steps.limits import MAX_DATA_BYTES
from tests.support import nasty
from tests.support.inspection import Superuser, fingerprint

CASES = int(os.environ.get("FUZZ_CASES", "0"))
USER = "user_2fuzz"
JSON = {"Content-Type": "application/json"}
LARGEST = 4 * 1024 * 1024

PAYLOADS: dict[str, Any] = {
    **{f"step/{number}/complete": {"data": data, "validation_errors": []} for number, data in STEP_DATA.items()},
    "step4/persona-save": {"core_persona": {"identity": {}}, "platform_personas": {"x": {}}, "quality_metrics": {}},
    "api-keys": {"provider": "openai", "api_key": "sk-" + "x" * 30, "description": "mine"},
}
PATHS = sorted(PAYLOADS)


def bounded(cases: int) -> settings:
    """As many cases as `make test` has time for; a fifth each of what FUZZ_CASES says."""
    return settings(
        max_examples=CASES // 5 or cases,
        deadline=None,
        derandomize=not CASES,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value."""
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in children:
        yield from places(item, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    """A copy of a JSON value with something else in one place."""
    if not path:
        return other
    changed = copy.copy(value)
    changed[path[0]] = replaced(value[path[0]], path[1:], other)
    return changed


WRONG = st.sampled_from(PATHS).flatmap(
    lambda path: st.tuples(st.just(path), st.sampled_from([*places(PAYLOADS[path])]), nasty.anything)
)


class Target:
    """Sends to the functions, and holds what every answer has to hold."""

    def __init__(self, calls: InProcess, database: Superuser) -> None:
        self._calls, self._database = calls, database
        self._before = fingerprint(database)

    def send(self, path: str, body: bytes, **headers: str) -> Response:
        """POST, and check the answer; after a refusal every table is as it was before."""
        response = self._calls.post(f"/api/onboarding/{path}", user=USER, body=body, headers={**JSON, **headers})
        assert is_expected(response)
        now = fingerprint(self._database)
        if response.status >= 400:
            assert now == self._before, response.text
        self._before = now
        return response


def is_expected(response: Response) -> bool:
    """No 5xx and no traceback; a refusal is a problem, and a 422 names each field and says what is wrong with it."""
    assert response.status < 500, response.text
    assert "Traceback" not in response.text
    assert 'File "' not in response.text
    if response.status >= 400:
        problem = response.json()
        assert problem["status"] == response.status
        assert problem["detail"]
        if response.status == 422:
            assert problem["errors"]
            assert all(error["field"] and error["message"] for error in problem["errors"]), problem
    return True


@pytest.fixture
def target(calls: InProcess, database: Superuser) -> Target:
    return Target(calls, database)


@pytest.mark.fuzz
@bounded(60)
@given(case=WRONG)
def test_wrong_values_at_every_place(target: Target, case: tuple[str, tuple[Any, ...], Any]) -> None:
    """Any JSON in place of any part of a good payload: stored and given back unchanged, or refused with its field."""
    path, place, value = case
    sent = replaced(PAYLOADS[path], place, value)
    response = target.send(path, json.dumps(sent).encode())
    if response.status == 422:
        parts = [str(part) for part in place]
        for error in response.json()["errors"]:
            assert related(error["field"].split("."), parts), (error, place, value)


def related(field: list[str], place: list[str]) -> bool:
    """Whether a field lies on the way to the place that was changed, or in it, or beside it under the same parent."""
    shared = min(len(field), len(place), 1 + max(0, len(place) - 2))
    return field[:shared] == place[:shared] or not place


def test_every_wrong_type_at_every_place(target: Target) -> None:
    """Not by chance: each kind of JSON value in place of each part of each payload."""
    for path, payload in PAYLOADS.items():
        for place in places(payload):
            for value in (None, True, 7, 1.5, "x", "", [], ["x"], {}, {"x": 1}):
                response = target.send(path, json.dumps(replaced(payload, place, value)).encode())
                errors = response.json().get("errors", [])
                parts = [str(part) for part in place]
                assert all(related(error["field"].split("."), parts) for error in errors), (path, place, value, errors)


@pytest.mark.parametrize("part", ["%00", "a%00b", "%FF", "%C3", "%ED%A0%80", "%C0%80", "%f8%88%80%80%80"])
def test_an_address_that_is_no_text_is_a_400(bare: InProcess, part: str) -> None:
    """A NUL, half a surrogate pair, and bytes that are not UTF-8, in every route's parameter, before the database."""
    for route in all_routes():
        if "{" in route.path and not route.public:
            path = re.sub(r"\{[^}]*\}", part, route.path)
            response = bare.request(route.method, path, user=USER, json={"api_key": "x"})
            assert (response.status, response.json()["code"]) == (400, "bad_request"), path


def test_an_id_that_is_none(bare: InProcess) -> None:
    """A 404 before the database is asked, which would not take it for a number."""
    for wanted in (
        "9" * 19,
        "9" * 400,
        "-1",
        "1.0",
        "1e3",
        "0x1",
        "%d9%a3",
        "1%20",
        "%2e%2e",
        "1;DROP",
        "null",
    ):
        path = f"/api/onboarding/style-detection/analysis/{wanted}"
        assert bare.get(path, user=USER).status == 404, wanted


@pytest.mark.fuzz
@bounded(60)
@given(path=st.sampled_from(PATHS), data=st.data())
def test_broken_bytes(target: Target, path: str, data: st.DataObject) -> None:
    """A good body with bytes cut out, exchanged and put in: broken UTF-8 and JSON, and now and then a good one."""
    body = bytearray(json.dumps(PAYLOADS[path]).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body)))
        cut = data.draw(st.integers(0, 3))
        body[at : at + cut] = data.draw(st.binary(max_size=4) | st.sampled_from(nasty.SPLINTERS))
    target.send(path, bytes(body))


@pytest.mark.fuzz
@bounded(60)
@given(value=nasty.anything, path=st.sampled_from([f"step/{number}/complete" for number in (2, 3, 4, 5)]))
@example(value=nasty.TEXTS[5:], path="step/5/complete")
def test_what_is_stored_comes_back_as_it_was(target: Target, calls: InProcess, value: Any, path: str) -> None:
    """SQL, templates and markup are text like any other: kept to the letter, and never run."""
    sent = {**PAYLOADS[path]["data"], "anything": value}
    if target.send(path, json.dumps({"data": sent}).encode()).status == 200:
        step = path.split("/")[1]
        stored = calls.get(f"/api/onboarding/step/{step}", user=USER).json()["data"]
        assert json.dumps(stored["anything"]) == json.dumps(json.loads(json.dumps(value)))


@pytest.mark.fuzz
@bounded(80)
@given(
    method=st.sampled_from(nasty.METHODS),
    segments=st.lists(st.sampled_from(nasty.SEGMENTS), min_size=1, max_size=5),
    query=st.sampled_from(nasty.QUERIES),
)
def test_tricks_in_the_address(calls: InProcess, method: str, segments: list[str], query: str) -> None:
    """Encoded slashes and dots, NULs, nonsense: an address of ours, or a 404 or 405. Other methods are refused."""
    response = calls.request(method, f"/api/onboarding/{'/'.join(segments)}{query}", user=USER)
    assert response.status < 500, response.text
    assert method not in {"PUT", "PATCH", "BREW"} or response.status in {400, 404, 405}
    assert "passwd" not in response.text


@pytest.mark.fuzz
@bounded(60)
@given(headers=nasty.headers, body=st.sampled_from([b"", b"{}", b"[]", b"{", b'{"data": {}}']))
def test_lying_headers(
    calls: InProcess, database: Superuser, token: TokenFactory, headers: dict[str, str], body: bytes
) -> None:
    """Wrong or missing lengths and types, and headers that are no text, straight into the function."""
    Target(InProcess("", 0, token, step_5), database).send("step/5/complete", body, **headers)


def test_a_body_that_breaks_off(bare: InProcess, token: TokenFactory) -> None:
    """Fewer bytes than Content-Length says are no body, though what came is a whole object."""
    function = InProcess("", 0, token, step_5)
    sent = {**JSON, "Content-Length": "50"}
    assert function.post("/api/onboarding/step/5/complete", user=USER, body=b"{}", headers=sent).status == 400


def _deep(levels: int) -> bytes:
    return b'{"data":' + b'{"a":' * (levels - 2) + b"{}" + b"}" * (levels - 2) + b"}"


BOUNDARIES: dict[str, tuple[Callable[[], bytes], set[int]]] = {
    "64 levels": (lambda: _deep(64), {200}),
    "65 levels": (lambda: _deep(65), {400}),
    "a million levels": (lambda: b"[" * 1_000_000, {400}),
    "a million levels of objects": (lambda: b'{"a":' * 700_000, {400}),
    "4 MiB": (lambda: b'{"data":{}' + b" " * (LARGEST - 11) + b"}", {200}),
    "4 MiB and a byte": (lambda: b'{"data":{}' + b" " * (LARGEST - 10) + b"}", {413}),
    "1 MiB of data": (lambda: b'{"data":{"a":"' + b"x" * (MAX_DATA_BYTES - 8) + b'"}}', {200}),
    "1 MiB of data and a byte": (lambda: b'{"data":{"a":"' + b"x" * (MAX_DATA_BYTES - 7) + b'"}}', {413}),
    "100,000 members": (lambda: json.dumps({"data": {str(number): 0 for number in range(100_000)}}).encode(), {200}),
    "100,000 NULs": (lambda: json.dumps({"data": ["\0"] * 100_000}).encode(), {422}),
    "duplicate members": (lambda: b'{"data":{"email":"a"},"data":{"email":"b"}}', {200}),
    "a number of 4,000 digits": (lambda: b'{"data":{"a":' + b"9" * 4000 + b"}}", {200}),
    "a number of 5,000 digits": (lambda: b'{"data":{"a":' + b"9" * 5000 + b"}}", {400}),
    "a number of a million digits": (lambda: b'{"data":{"a":' + b"9" * 1_000_000 + b"}}", {400}),
    "a number too large": (lambda: b'{"data":{"a":1e400}}', {400}),
    "a huge exponent": (lambda: b'{"data":{"a":1e-99999999999}}', {200}),
    "NaN": (lambda: b'{"data":{"a":NaN}}', {400}),
    "Infinity": (lambda: b'{"data":{"a":-Infinity}}', {400}),
    "a byte order mark": (lambda: b'\xef\xbb\xbf{"data":{}}', {400}),
    "UTF-16": (lambda: '{"data":{}}'.encode("utf-16"), {400}),
    "two documents": (lambda: b"{}{}", {400}),
    "nothing but blanks": (lambda: b" " * 1000, {400}),
}


def test_the_limits(target: Target) -> None:
    """Each just within and just beyond, and far beyond; the last of duplicate members counts."""
    for name, (make, expected) in BOUNDARIES.items():
        assert target.send("step/5/complete", make()).status in expected, name


RAW: dict[str, tuple[bytes, set[bytes]]] = {
    "a body that never comes whole": (b"Content-Length: 50\r\n\r\n{", {b"400"}),
    "a negative length": (b"Content-Length: -1\r\n\r\n{}", {b"400"}),
    "a length that is no number": (b"Content-Length: two\r\n\r\n{}", {b"400"}),
    "no length": (b"\r\n", {b"200", b"400", b"411"}),
    "two lengths": (b"Content-Length: 2\r\nContent-Length: 11\r\n\r\n{}", {b"200", b"400"}),
    "length and chunks": (b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {b"400"}),
    "broken chunks": (b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", {b"400"}),
    "a length beyond a whole object": (b"Content-Length: 50\r\n\r\n{}", {b"400"}),
    "a length far beyond": (b"Content-Length: 99999999999\r\n\r\n{}", {b"413", b"400"}),
}


def test_a_lying_length_over_a_socket(http: Client) -> None:
    """The sender hangs up where a length promises more than comes: an answer all the same."""
    for name, (headers, expected) in RAW.items():
        answer = exchanged(http, headers)
        assert answer.split(b" ", 2)[1] in expected, (name, answer)
        assert b"Traceback" not in answer


def exchanged(http: Client, headers: bytes) -> bytes:
    authorization = f"Authorization: Bearer {http.sign(USER)}\r\n".encode()
    request = b"POST /api/onboarding/step/5/complete HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    with socket.create_connection((http.host, http.port), timeout=30) as connection:
        connection.sendall(request + authorization + headers)
        connection.shutdown(socket.SHUT_WR)
        return connection.makefile("rb").read()
