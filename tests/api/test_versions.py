"""Versions: two tabs do not overwrite each other unseen, and what did not change is not sent again."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dev.harness.clerk import TokenFactory
from dev.harness.client import Client, Response
from dev.harness.in_process import InProcess
from dev.harness.wizard import BUSINESS, EXA, GEMINI, STEP_DATA, complete_step, walk
from lib.steps.definitions import SIX_STEPS
from tests.support.flows import use_flow
from tests.support.inspection import Superuser, contents
from tests.support.page import API, read
from tests.support.random_writes import Write, Writer, required_steps, sequences

USER, OTHER = "user_2version", "user_2other"
CONDITIONAL: list[tuple[str, str, Any]] = [
    *[("POST", f"step/{number}/complete", {"data": data}) for number, data in STEP_DATA.items()],
    ("POST", "step/4/skip", {}),
    ("POST", "step/5/skip", {}),
    *[("PUT", f"step/{number}/draft", {"data": {"note": "x"}}) for number in STEP_DATA],
    *[("DELETE", f"step/{number}/draft", ...) for number in STEP_DATA],
]


def send(http: Client, method: str, path: str, body: Any = ..., **headers: str) -> Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return http.request(method, f"{API}/{path}", user=USER, json=body, headers=sent)


def version(http: Client, number: int) -> Any:
    """The step's version, as body and header give it."""
    response = http.get(f"{API}/step/{number}", user=USER)
    assert response.headers["ETag"] == f'"{response.json()["version"]}"'
    return response.json()["version"]


def test_each_change_of_a_step_adds_1(http: Client) -> None:
    """Completed, skipped, a draft saved, a draft discarded, reset; the answer gives it, and other steps keep theirs."""
    assert version(http, 5) == 0
    changes: list[tuple[str, str, Any]] = [
        ("PUT", "step/5/draft", {"data": {}}),
        ("DELETE", "step/5/draft", ...),
        ("POST", "step/5/skip", {}),
        ("POST", "step/5/complete", {"data": {}}),
        ("POST", "step/5/complete", {}),
    ]
    for number, (method, path, body) in enumerate(changes, start=1):
        response = send(http, method, path, body)
        assert response.headers["ETag"] == f'"{number}"'
        assert response.status == 204 or response.json()["version"] == number
        assert version(http, 5) == number
    http.post(f"{API}/reset", user=USER)
    assert (version(http, 5), version(http, 4)) == (6, 0)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [call for call in CONDITIONAL if call[0] != "DELETE" and call[1] != "step/6/complete"],
)
def test_what_is_stored_already_counts_as_a_write(http: Client, method: str, path: str, body: Any) -> None:
    """Sent twice, a write adds 1 each time; whoever read the step in between is told so."""
    first, second = (send(http, method, path, body).headers["ETag"] for _ in range(2))
    assert [first, second] == ['"1"', '"2"']
    assert send(http, method, path, body, If_Match=first).status == 412


def test_what_changes_nothing_keeps_the_version(http: Client) -> None:
    """A reset of what is pending, a draft that is not there, a key that is not there."""
    walk(http, USER, 1)
    http.post(f"{API}/reset", user=USER)
    before = [version(http, number) for number in (1, 2)]
    for method, path in (("POST", "reset"), ("DELETE", "step/1/draft"), ("DELETE", "api-keys/mistral")):
        send(http, method, path)
    assert [version(http, number) for number in (1, 2)] == before == [2, 0]


def test_keys_and_business_information_change_the_steps_that_show_them(http: Client) -> None:
    """Finishing, a further key, one of another provider, deleting one, and reopening: 1 each."""
    for expected, (provider, key) in enumerate((("exa", EXA), ("gemini", GEMINI), ("gemini", GEMINI + "x")), start=1):
        send(http, "POST", "api-keys", {"provider": provider, "api_key": key})
        assert version(http, 1) == expected
    for expected, provider in enumerate(("exa", "gemini"), start=4):
        send(http, "DELETE", f"api-keys/{provider}")
        assert version(http, 1) == expected
    own = http.post(f"{API}/business-info", user=USER, json=BUSINESS).json()
    assert version(http, 2) == 1
    send(http, "PUT", f"business-info/{own['id']}", {**BUSINESS, "industry": "Bread"})
    assert version(http, 2) == 2
    walk(http, USER, 2)
    assert version(http, 2) == 3


@pytest.mark.parametrize(("method", "path", "body"), CONDITIONAL, ids=lambda value: str(value)[:20])
def test_another_version_is_refused_and_nothing_is_stored(
    http: Client, database: Superuser, method: str, path: str, body: Any
) -> None:
    """412 shows the step as it is stored; the right version is taken, and so is one of several."""
    walk(http, USER, 1, 2, 3)
    number = int(path.split("/")[1])
    send(http, "PUT", f"step/{number}/draft", {"data": {"note": "first"}})
    current = read(http, USER, f"step/{number}")
    before = contents(database)
    response = send(http, method, path, body, If_Match=f'"{current["version"] + 1}"')
    problem = response.json()
    assert (response.status, problem["code"], problem["current_version"], problem["current"]) == (
        412,
        "version_mismatch",
        current["version"],
        current,
    )
    assert contents(database) == before
    taken = send(http, method, path, body, If_Match=f'"0", "{current["version"]}"')
    assert taken.status in {200, 204}
    assert taken.headers["ETag"] == f'"{current["version"] + 1}"'


def test_a_first_write_may_require_that_nothing_is_there(http: Client) -> None:
    """Version 0 is that of an untouched step."""
    assert send(http, "PUT", "step/5/draft", {"data": {}}, If_Match='"0"').status == 200
    assert send(http, "PUT", "step/5/draft", {"data": {}}, If_Match='"0"').status == 412


def test_a_412_never_shows_a_key(http: Client) -> None:
    """`current` is what reading the step gives: masked."""
    walk(http, USER, 1)
    response = send(http, "PUT", "step/1/draft", {"data": {}}, If_Match='"0"')
    assert response.status == 412
    assert response.json()["current"]["data"]["api_keys"]["gemini"] == "AIza…kkkk"
    assert GEMINI not in response.text


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ("*", 200),
        (' "0" ', 200),
        ('"7","0"', 200),
        ('"00"', 412),
        ('"x"', 412),
        ('"a,b"', 412),
        ('"9223372036854775808"', 412),
        ('""', 412),
        ("0", 400),
        ('"0', 400),
        ("", 400),
        ('W/"0"', 400),
        ('"1", W/"0"', 400),
        ('*, "0"', 400),
        ('"0" "1"', 400),
        ('"a b"', 400),
    ],
)
def test_if_match_is_read_as_http_says(http: Client, value: str, status: int) -> None:
    """RFC 9110: strong tags, `*` for whatever is there; what is no ETag is a 400."""
    response = send(http, "PUT", "step/5/draft", {"data": {}}, If_Match=value)
    assert response.status == status, response.text
    if status == 400:
        assert response.json()["code"] == "malformed_validator"
        assert "If-Match" in response.json()["detail"]


def test_of_50_writers_with_the_same_version_one_is_taken(http: Client, database: Superuser) -> None:
    """Decided in the database: the others get a 412, and what is stored is the one's."""
    send(http, "PUT", "step/3/draft", {"data": {}})

    def write(number: int) -> Response:
        """Come again, as a client does, where too many of the user's writes are waiting."""
        while True:
            response = send(http, "PUT", "step/3/draft", {"data": {"writer": number}}, If_Match='"1"')
            if response.status != 429:
                return response

    with ThreadPoolExecutor(50) as threads:
        responses = list(threads.map(write, range(50)))
    assert sorted(response.status for response in responses) == [200, *[412] * 49]
    winner = next(number for number, response in enumerate(responses) if response.status == 200)
    found = read(http, USER, "step/3")
    assert (found["draft"]["data"], found["version"]) == ({"writer": winner}, 2)
    assert database.execute("SELECT count(*) FROM onboarding_steps").fetchone() == (1,)


def test_without_a_condition_the_last_write_wins(http: Client) -> None:
    """As the page of today expects; `If-None-Match` is no condition of a write."""
    for _ in range(2):
        assert send(http, "POST", "step/5/complete", {"data": {}}, If_None_Match='"0"').status == 200


@pytest.mark.parametrize("path", ["init", "session", "status", "summary", *[f"step/{number}" for number in STEP_DATA]])
def test_what_did_not_change_is_a_304(http: Client, path: str) -> None:
    """Without a body, with the ETag; until anything is stored, and other users' writes are none."""
    walk(http, USER, 1, 2, 3)
    first = http.get(f"{API}/{path}", user=USER)
    etag = first.headers["ETag"]
    walk(http, OTHER, 1, 2, 3)
    for value in (etag, f'"x", {etag}', "*", etag.removeprefix("W/"), f"W/{etag.removeprefix('W/')}"):
        again = send(http, "GET", path, If_None_Match=value)
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", etag), value
        assert again.headers["Cache-Control"] == "private, no-store"
        assert again.headers["Content-Type"] is None
    for value in ('"x"', '"999"', '"1.1"'):
        assert send(http, "GET", path, If_None_Match=value).status == 200
    number = int(path[-1]) if path.startswith("step/") else 4
    send(http, "PUT", f"step/{number}/draft", {"data": {"note": "new"}})
    changed = send(http, "GET", path, If_None_Match=etag)
    assert (changed.status, changed.headers["ETag"] != etag) == (200, True)


@pytest.mark.parametrize("value", ["x", "", '"x', "W/x", '"a" "b"'])
@pytest.mark.parametrize("path", ["init", "step/1", "summary"])
def test_a_malformed_if_none_match_is_a_400(http: Client, path: str, value: str) -> None:
    """It names the header."""
    response = send(http, "GET", path, If_None_Match=value)
    assert (response.status, response.json()["code"]) == (400, "malformed_validator")


def test_the_token_and_the_flow_are_part_of_what_init_shows(
    http: Client, token: TokenFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new name or another page is no 304."""

    def init(email: str, etag: str = '"x"') -> Response:
        authorization = f"Bearer {token(USER, email=email)}"
        return http.get(f"{API}/init", headers={"Authorization": authorization, "If-None-Match": etag})

    etag = init("a@example.com").headers["ETag"]
    assert init("a@example.com", etag).status == 304
    assert init("b@example.com", etag).status == 200
    use_flow(monkeypatch, "five")
    assert init("a@example.com", etag).status == 200


def test_who_erases_everything_and_starts_again_never_gets_an_old_etag(http: Client) -> None:
    """The same number of changes in another session is another state."""
    walk(http, USER, 1)
    etags = {path: http.get(f"{API}/{path}", user=USER).headers["ETag"] for path in ("init", "status", "summary")}
    http.post(f"{API}/reset?hard=true", user=USER)
    for path, etag in etags.items():
        assert send(http, "GET", path, If_None_Match=etag).status == 200
    complete_step(http, USER, 2)
    for path, etag in etags.items():
        assert send(http, "GET", path, If_None_Match=etag).status == 200


@pytest.mark.slow
@pytest.mark.usefixtures("ai_backend")
def test_what_differs_has_another_etag(token: TokenFactory, environment: dict[str, str]) -> None:
    """After every write of any sequence: no answer changes under its ETag, and a step's version grows by 1 at most."""
    paths = ["init", "status", "summary", *[f"step/{number}" for number in STEP_DATA]]

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.booleans(), sequences)
    def hold(is_ahead: bool, writes: list[Write]) -> None:
        writer = Writer(InProcess("", 0, token), f"user_2{uuid.uuid4().hex}")
        before = {path: writer.get(path) for path in paths}
        for write in (*(required_steps(SIX_STEPS) if is_ahead else ()), *writes):
            writer.send(write)
            for path, known in before.items():
                before[path] = _settled(writer, path, known, write)

    hold()


def _settled(writer: Writer, path: str, known: Response, write: Write) -> Response:
    again = writer.get(path, **{"If-None-Match": known.headers["ETag"]})
    now = writer.get(path)
    assert now.headers["ETag"] == again.headers["ETag"]
    assert (again.status == 304) is (now.headers["ETag"] == known.headers["ETag"]), (path, write)
    if again.status == 304:
        assert _shown(now) == _shown(known), (path, write)
    elif path.startswith("step/") and "hard" not in write[1]:
        assert now.json()["version"] == known.json()["version"] + 1, (path, write)
    return now


def _shown(response: Response) -> Any:
    """What the answer shows, but for the time at which it was made."""
    document = json.loads(response.body)
    document.get("session", {}).pop("initialized_at", None)
    return document
