"""Every node of a cluster takes requests: it answers as the coordinator does, and writes by several lose nothing."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from psycopg import sql

from dev.harness.client import Client, Response
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
from dev.harness.wizard import walk
from dev.local_postgres import OWNER
from lib import bootstrap
from lib.db import accounts, api_keys, drafts, sessions
from lib.db.database import Database
from lib.db.engine import build_pool
from lib.errors import Unauthenticated, VersionMismatch
from lib.steps.definitions import RESEARCH
from scripts.distribution import distribute, remaining
from tests.support.cluster import Cluster
from tests.support.inspection import Superuser

pytestmark = pytest.mark.slow
USER = "user_2asked_everywhere"
WRITERS = 50
_THEIR_OWN = re.compile(rb"\d{4}-\d\d-\d\d[T ][\d:.]+(Z|\+00:00)?|\b\d{12,16}\b|user_2\w+|\b[0-9a-f]{32}\b")
"""What differs between two users who did the same: times, ids, names, ids of requests."""

_NOW = re.compile(rb'"(initialized_at|exported_at|request_id)":"[^"]+"')

type Ask = Callable[[int], None]


@pytest.fixture
def ask(cluster: Cluster, http: Client, database: Superuser, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Sends the requests that follow to a node, by its number: the coordinator's is 0."""

    def through(number: int) -> None:
        monkeypatch.setenv("DATABASE_URL", cluster.nodes[number].url(database.info.dbname, OWNER))
        bootstrap.reset()

    return through


@pytest.fixture
def entries(cluster: Cluster, database: Superuser) -> Iterator[list[Database]]:
    """The same database through the coordinator and through each worker."""
    opened = [Database(build_pool(node.url(database.info.dbname, OWNER))) for node in cluster.nodes[:3]]
    yield opened
    for entry in opened:
        entry.close()


def shown(answer: Response) -> tuple[int, bytes, str | None]:
    """What has to be the same whichever node was asked, and whenever."""
    return answer.status, _NOW.sub(b"", answer.body), answer.headers["ETag"]


def test_every_read_is_answered_alike(ask: Ask, http: Client) -> None:
    """To the byte, of a user who has stored something everywhere and of one who has stored nothing."""
    save_everything(http, USER)
    walk(http, USER, 1, 2, 3, 4, 5)
    assert http.request("PUT", f"{BASE}/step/3/draft", user=USER, json={"data": {"half": "\\'"}}).status == 200
    for user in (USER, "user_2nobody"):
        found: list[dict[str, tuple[int, bytes, str | None]]] = []
        for number in range(3):
            ask(number)
            reads = [path for path in READS if path != "api-keys/onboarding"]  # it is noted in the history
            answers = {path: http.get(url(path, user, http), user=user) for path in reads}
            answers |= {path: http.post(url(path, user), user=user, json={}) for path in POSTED_READS}
            found.append({path: shown(answer) for path, answer in answers.items()})
        for path, answer in found[0].items():
            assert answer[0] in {200, 404}, path
            assert answer == found[1][path] == found[2][path], path


def test_every_write_is_answered_alike(ask: Ask, http: Client) -> None:
    """Each node stores and refuses what the coordinator does, with the same versions and the same history."""
    found: list[list[tuple[int, bytes]]] = []
    for number in range(3):
        ask(number)
        user = f"user_2writes_{number}"
        answers = [http.request(method, url(path, user, http), user=user, json=body) for method, path, body in REFUSED]
        for headers in ({}, ANY_VERSION):
            for method, path, body in [*CONDITIONAL, *WRITES] if headers else WRITES:
                condition = headers if (method, path, body) in CONDITIONAL else {}
                sent = url(path, user, http)
                answers.append(http.request(method, sent, user=user, json=body, headers=condition))
                answers.append(http.get(f"{BASE}/summary", user=user))
            walk(http, user, 1, 2, 3, 4, 5)
        answers.append(http.get(f"{BASE}/api-keys/onboarding", user=user))
        answers.append(http.get(f"{BASE}/history", user=user))
        found.append([(answer.status, _THEIR_OWN.sub(b"*", answer.body)) for answer in answers])
    assert found[0] == found[1] == found[2]
    assert max(status for status, _ in found[0]) < 500


def at_once[Result](calls: list[Callable[[], Result]]) -> list[Result]:
    """Begin all calls at the same moment."""
    barrier = threading.Barrier(len(calls))

    def begun(call: Callable[[], Result]) -> Result:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(begun, calls))


def test_writes_through_several_nodes_lose_nothing(entries: list[Database]) -> None:
    """What was acknowledged is stored, from the user's very first write on."""
    user = "user_2two_ways"

    def save(entry: Database, way: int) -> None:
        for number in range(10):
            api_keys.save(entry, user, f"provider-{way}-{number}", b"key", None)
            drafts.add(entry, user, RESEARCH, {f"{way}-{number}": number})

    at_once([partial(save, entry, way) for way, entry in enumerate(entries)])
    assert len(api_keys.read(entries[0], user)) == 10 * len(entries)
    draft = drafts.save(entries[1], user, RESEARCH, {}, if_match=None)
    assert draft["version"] == 10 * len(entries) + 1


def test_one_of_many_conditional_writes_through_two_nodes_is_stored(entries: list[Database]) -> None:
    """With the same version in If-Match, exactly one wins, round after round; the others are told so."""
    user = "user_2versions"

    def won(version: int, entry: Database) -> bool:
        try:
            drafts.save(entry, user, RESEARCH, {"n": version}, if_match=[version])
        except VersionMismatch:
            return False
        return True

    for version in range(3):
        results = at_once([partial(won, version, entries[n % 2]) for n in range(WRITERS)])
        assert Counter(results) == {True: 1, False: WRITERS - 1}, version


def test_an_account_that_one_node_erases_is_written_by_none(entries: list[Database], database: Superuser) -> None:
    """A write through another node at that moment comes before and is erased, or comes after and is refused."""

    def write(user: str, entry: Database) -> None:
        for number in range(5):
            try:
                api_keys.save(entry, user, f"provider-{number}", b"key", None)
            except Unauthenticated:
                return

    for round_ in range(10):
        user = f"user_2erased_{round_}"
        sessions.start(entries[0], user)
        erase = partial(accounts.delete_for_good, entries[round_ % 3], user, "msg_1")
        calls: list[Callable[[], object]] = [erase, *(partial(write, user, entry) for entry in entries)]
        at_once(calls)
    assert database.execute("SELECT user_id FROM onboarding_sessions").fetchall() == []


def test_a_node_is_opened_again_by_distributing_again(
    ask: Ask, http: Client, cluster: Cluster, database: Superuser
) -> None:
    """A policy as Citus copies it closes a node: it answers what it can, else 503, and nothing makes it crash."""
    save_everything(http, USER)
    spell_out(cluster, database.info.dbname)
    name = database.info.dbname
    with cluster.coordinator.connect(name, OWNER) as connection, cluster.nodes[1].connect(name) as witness:
        assert len(remaining(connection).closed) == 1
        ask(1)
        assert {http.get(f"{BASE}/{path}", user=USER).status for path in ("init", "summary")} == {503}
        assert http.get(f"{BASE}/step/1", user=USER).status == 200
        for method, path, body in WRITES:
            assert http.request(method, url(path, USER), user=USER, json=body).status in {200, 204, 404, 503}, path
        witness.execute("SELECT 1")  # a crash would have ended every connection to that node
        distribute(connection, say=lambda _line: None)
        assert remaining(connection).lines() == []
        save_everything(http, USER)
        assert {http.get(url(path, USER, http), user=USER).status for path in READS} == {200}


def spell_out(cluster: Cluster, name: str) -> None:
    """Give the first worker the policies as a worker gets them that is added to a distributed database."""
    policy = sql.SQL("ALTER POLICY {} ON {} USING (user_id::text = current_setting('app.user_id', true))")
    with cluster.nodes[1].connect(name) as worker:
        worker.execute("SET citus.enable_ddl_propagation = off")
        tables = worker.execute("SELECT logicalrelid::text FROM pg_dist_partition WHERE partmethod = 'h'").fetchall()
        for (table,) in tables:
            worker.execute(policy.format(sql.Identifier(f"{table}_of_user"), sql.Identifier(str(table))))
