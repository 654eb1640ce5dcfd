"""Statements that the server keeps, and servers and poolers that forget them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest

from dev.harness.client import Client
from dev.harness.every_call import BASE
from dev.harness.vercel.toolchain import skip_or_fail
from dev.harness.wire import Wire, wire
from dev.harness.wizard import complete_step
from lib import bootstrap
from lib.db import engine
from lib.db.engine import MOST_VARIANTS, POOL_SIZE
from lib.db.pipeline import numbered
from tests.support.inspection import Superuser
from tests.support.pgbouncer import find_pgbouncer, pgbouncer

USER = "user_2kept"


def named(line: Wire) -> Counter[str]:
    """How many statements were parsed to be kept (`P`), and run as kept ones (`B`), since the recording began."""
    up = b"".join(data for direction, data in line.transcript if direction == "up")
    parsed = re.findall(rb"P.{4}onboarding_[0-9a-f]{32}\0", up, re.DOTALL)
    run = re.findall(rb"B.{4}\0onboarding_[0-9a-f]{32}\0", up, re.DOTALL)
    return Counter(P=len(parsed), B=len(run))


def versions(calls: Client) -> tuple[int, int]:
    """The version of step 3, and how many events there are of it."""
    step = calls.get(f"{BASE}/step/3", user=USER).json()["version"]
    events = calls.get(f"{BASE}/history?limit=50", user=USER).json()["events"]
    return step, sum(event["step_number"] == 3 for event in events)


@contextmanager
def pooled(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, servers: int) -> Iterator[Wire]:
    """The functions connect through a pooler with so many connections to the server; the line before it."""
    program = find_pgbouncer()
    if program is None:
        skip_or_fail("pgbouncer not found: install it with `apt-get install pgbouncer`")
    with pgbouncer(program, environment["DATABASE_URL"], servers) as url, wire(url) as line:
        monkeypatch.setenv("DATABASE_URL", line.url)
        bootstrap.reset()
        yield line
        bootstrap.reset()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[engine.Connection]:
    """Every connection that the functions open from now on."""
    connections: list[engine.Connection] = []
    connect = engine._connect

    def noted(conninfo: str) -> engine.Connection:
        connections.append(connect(conninfo))
        return connections[-1]

    monkeypatch.setattr(engine, "_connect", noted)
    return connections


def test_what_was_sent_once_is_neither_parsed_nor_planned_again(calls: Client, line: Wire) -> None:
    """Planning is most of what Postgres does for a request: a warm connection has it done already."""
    for _ in range(2):
        line.start_recording()
        assert calls.get(f"{BASE}/summary", user=USER).status == 200
        assert complete_step(calls, USER, 3).status == 200
    assert (named(line)["P"], named(line)["B"] > 0) == (0, True)


def test_another_user_gets_the_kept_statements_with_their_own_rows(calls: Client) -> None:
    """A plan is made once for all users, and row-level security is asked anew each time."""
    for user, depth in (("user_2one", "Basic"), ("user_2two", "Expert")):
        assert complete_step(calls, user, 3, {"research_depth": depth}).status == 200
    found = [calls.get(f"{BASE}/research-preferences", user=user).json() for user in ("user_2one", "user_2two", USER)]
    assert [preferences and preferences["research_depth"] for preferences in found] == ["Basic", "Expert", None]


@pytest.mark.parametrize("forget", ["DISCARD ALL", "DEALLOCATE ALL"])
def test_a_server_that_forgot_is_told_again_within_the_request(
    opened: list[engine.Connection], calls: Client, line: Wire, forget: str
) -> None:
    """The caller notices nothing, the write happens once, and the next requests are as quick as before."""
    assert complete_step(calls, USER, 3).status == 200
    before = versions(calls)
    for connection in opened:
        connection.execute(forget)
    assert complete_step(calls, USER, 3).status == 200
    assert versions(calls) == (before[0] + 1, before[1] + 1)
    assert complete_step(calls, USER, 3).status == 200
    line.start_recording()
    assert complete_step(calls, USER, 3).status == 200
    assert (named(line)["P"], named(line)["B"] > 0) == (0, True)


def test_a_server_that_forgot_and_lost_a_connection_is_told_again_too(
    opened: list[engine.Connection], calls: Client, database: Superuser
) -> None:
    """One trouble does not use up the repetition that another one needs."""
    with ThreadPoolExecutor(POOL_SIZE) as threads:
        assert {*threads.map(lambda _: complete_step(calls, USER, 3).status, range(4 * POOL_SIZE))} == {200}
    before = versions(calls)
    for connection in opened:
        connection.execute("DISCARD ALL")
    for process in [connection.server_pid for connection in opened][-1:]:
        database.execute("SELECT pg_terminate_backend(%s::int)", [process])  # that of Citus takes a bigint
    assert complete_step(calls, USER, 3).status == 200
    assert versions(calls) == (before[0] + 1, before[1] + 1)


def test_a_migration_between_two_requests_is_no_error(calls: Client, database: Superuser, line: Wire) -> None:
    """Columns come and change under statements that the server keeps, and it keeps the new ones from then on."""
    for path in ("summary", "init", "step/3", "export"):
        assert calls.get(f"{BASE}/{path}", user=USER).status == 200
    database.execute("ALTER TABLE onboarding_steps ADD COLUMN later text")
    database.execute("ALTER TABLE onboarding_steps ALTER COLUMN status TYPE varchar(40)")
    for _ in range(3):
        line.start_recording()
        for path in ("summary", "init", "step/3", "export"):
            assert calls.get(f"{BASE}/{path}", user=USER).status == 200, path
    assert named(line)["P"] == 0


def test_what_the_server_keeps_is_limited(opened: list[engine.Connection], calls: Client) -> None:
    """Large values make variants of a statement, as many as a user likes: a server process keeps a few of them."""
    names = ["writing_style", "content_characteristics", "target_audience", "content_type", "brand_analysis"]
    names += ["recommended_settings", "content_strategy_insights", "style_patterns"]
    for number in range(MOST_VARIANTS + 40):
        large = {name: {"text": f"{name} {'x' * 300}"} for bit, name in enumerate(names) if number >> bit & 1}
        data = {"website": "https://shop.example.com", "analysis": {"writing_style": {"tone": "warm"}, **large}}
        assert complete_step(calls, USER, 2, data).status == 200
    (connection,) = opened
    kept = connection.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%app.value_%'")
    assert kept.fetchone() == (MOST_VARIANTS,)


def test_a_pooler_that_stays_with_a_server_keeps_them_too(
    calls: Client, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody sets anything: what the pooler keeps is used."""
    with pooled(environment, monkeypatch, servers=1) as line:
        for _ in range(3):
            line.start_recording()
            assert complete_step(calls, USER, 3).status == 200
        assert (named(line)["P"], named(line)["B"] > 0) == (0, True)


def test_a_pooler_that_changes_servers_is_found_out_within_a_request(
    calls: Client, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """PgBouncer before 1.21 hands a transaction to a server that never saw its statements: all of them succeed."""
    with pooled(environment, monkeypatch, servers=2) as line:
        assert complete_step(calls, USER, 3).status == 200
        before = versions(calls)
        with psycopg.connect(line.url) as other:
            other.execute("SELECT 1")  # in a transaction, and so on the server that has the statements
            assert complete_step(calls, USER, 3).status == 200
            line.start_recording()
            assert complete_step(calls, USER, 3).status == 200
            assert named(line) == Counter(P=0, B=0), "it is not asked to keep anything any more"
        assert versions(calls) == (before[0] + 2, before[1] + 2)


def test_a_name_means_one_statement_only() -> None:
    """Clients that share a server's statements behind a pooler never run one for another."""
    one, other = numbered("SELECT %(a)s::text, 100 %% 3, %(b)s, %(a)s"), numbered("SELECT %(b)s::text, 100 %% 3, %(b)s")
    assert (one.text, one.names) == (b"SELECT $1::text, 100 % 3, $2, $1", ("a", "b"))
    assert one.name != other.name
    assert len(one.name) < 64  # NAMEDATALEN: what is longer is cut
