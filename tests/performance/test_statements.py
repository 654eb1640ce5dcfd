"""What a request sends to Postgres, read off the wire (https://www.postgresql.org/docs/18/protocol-message-formats.html)."""

from __future__ import annotations

from collections import Counter

import pytest

from dev.harness.client import Client
from dev.harness.every_call import (
    ANY_VERSION,
    BASE,
    CONDITIONAL,
    POSTED_READS,
    READS,
    REFUSED,
    WRITES,
    save_everything,
    url,
)
from dev.harness.wire import Wire, messages

USER = "user_2trips"

# Bind, Describe, Execute for the scope and the statement, which the server has parsed and planned, then the one Sync.
ONE_STATEMENT = Counter(B=2, D=2, E=2, S=1)
PARSED_TOO = ONE_STATEMENT + Counter(P=2)
NOTE_AND_STATEMENT = ONE_STATEMENT + Counter(B=1, D=1, E=1)


def warm(http: Client, line: Wire) -> None:
    """Store something in every table, on a connection that stays."""
    save_everything(http, USER)
    line.start_recording()


def sent_in_one_round_trip(line: Wire) -> Counter[str]:
    """The messages that went up, after checking that they went up together and that one answer came back."""
    (first, up), (second, down) = line.exchanges()
    assert (first, second) == ("up", "down")
    assert [*messages(down)].count("Z") == 1  # one ReadyForQuery, at the end
    assert down.endswith(b"Z\0\0\0\5I")
    return Counter(messages(up))


def test_a_warm_read_is_one_round_trip_with_its_scope_and_one_statement(
    calls: Client, line: Wire, transaction: Counter[str]
) -> None:
    """Every read waits for the database once: scope, statement and commit travel together."""
    warm(calls, line)
    for method, path in [*(("GET", path) for path in READS), *(("POST", path) for path in POSTED_READS)]:
        address = url(path, USER, calls)
        assert calls.request(method, address, user=USER).status == 200, path
        line.start_recording()
        response = calls.request(method, address, user=USER)
        assert response.status == 200, (path, response.text)
        # Whoever reads whole keys is noted, in the same round trip.
        expected = transaction + (NOTE_AND_STATEMENT if path == "api-keys/onboarding" else ONE_STATEMENT)
        assert sent_in_one_round_trip(line) == expected, path


def test_a_warm_write_is_one_round_trip_and_one_transaction(calls: Client, line: Wire) -> None:
    """Scope, lock and every statement of a write travel together, up to the one Sync that commits them."""
    warm(calls, line)
    for method, path, body in WRITES:
        address = url(path, USER, calls)
        line.start_recording()
        response = calls.request(method, address, user=USER, json=body)
        assert response.status in {200, 204}, (path, response.text)
        sent = sent_in_one_round_trip(line)
        assert sent["B"] == sent["D"] == sent["E"] >= 4, path
        assert (sent["S"], sent.keys() - {"P"}) == (1, {"B", "D", "E", "S"}), path


def test_a_conditional_write_is_one_round_trip_too(calls: Client, line: Wire) -> None:
    """The condition travels with the write: one statement more, and nothing to wait for."""
    warm(calls, line)
    for method, path, body in CONDITIONAL:
        sent: list[int] = []
        for headers in ({}, ANY_VERSION):
            line.start_recording()
            response = calls.request(method, f"{BASE}/{path}", user=USER, json=body, headers=headers)
            assert response.status in {200, 204}, (path, response.text)
            sent.append(sent_in_one_round_trip(line)["B"])
        assert sent[1] == sent[0] + 1, path


@pytest.mark.parametrize("path", ["init", "status", "summary", "step/3"])
def test_what_did_not_change_is_not_read(calls: Client, line: Wire, path: str, transaction: Counter[str]) -> None:
    """A 304 is one statement, and none of the large values comes along with it."""
    warm(calls, line)
    large = {"research_depth": "Basic", "content_types": ["x" * 100_000]}
    for method, name in (("POST", "step/3/complete"), ("PUT", "step/3/draft")):
        assert calls.request(method, f"{BASE}/{name}", user=USER, json={"data": large}).status == 200
    etag = calls.get(f"{BASE}/{path}", user=USER).headers["ETag"]
    line.start_recording()
    assert calls.get(f"{BASE}/{path}", user=USER, headers={"If-None-Match": etag}).status == 304
    assert sum(len(data) for way, data in line.transcript if way == "down") < 10_000
    assert sent_in_one_round_trip(line) == ONE_STATEMENT + transaction


def test_the_health_check_is_one_round_trip_too(calls: Client, line: Wire) -> None:
    """It has no user, hence a time limit in place of a scope. What is asked so seldom is not kept by the server."""
    warm(calls, line)
    assert calls.get("/api/health").status == 200
    assert sent_in_one_round_trip(line) == PARSED_TOO


def test_a_first_request_needs_its_connection_and_one_round_trip_more(
    calls: Client, line: Wire, transaction: Counter[str]
) -> None:
    """A new process asks the server nothing before its first statement: no version, no hstore, no isolation level."""
    line.start_recording()
    assert calls.get(f"{BASE}/status", user=USER).status == 200
    spoken = [data for direction, data in line.exchanges() if direction == "up"]
    answers = [data for direction, data in line.exchanges() if direction == "down"]
    ready = next(number for number, data in enumerate(answers) if data.endswith(b"Z\0\0\0\5I"))
    # A distributed database shows in the first answer that it is one, and the request is sent once more.
    assert len(spoken) - 1 == ready + (2 if transaction else 1)
    assert Counter(messages(spoken[-1])) == (ONE_STATEMENT + transaction + Counter(P=1) if transaction else PARSED_TOO)


@pytest.mark.parametrize("path", ["config", "providers", "providers/openai/setup"])
def test_the_catalogue_asks_nothing(calls: Client, line: Wire, path: str) -> None:
    """What is the same for everybody costs no database."""
    line.start_recording()
    assert calls.get(f"{BASE}/{path}").status == 200
    assert line.transcript == []


def test_a_refused_request_asks_nothing(calls: Client, line: Wire) -> None:
    """Whoever has no token, or a body that breaks the rules, costs no database."""
    line.start_recording()
    assert calls.get(f"{BASE}/summary").status == 401
    assert calls.post(f"{BASE}/step/2/complete", user=USER, json={"data": {}}).status == 422
    for method, path, body in REFUSED:
        assert calls.request(method, f"{BASE}/{path}", user=USER, json=body).status in {404, 409}, path
    assert line.transcript == []
