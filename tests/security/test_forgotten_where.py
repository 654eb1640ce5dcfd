"""Each condition on the user is taken out of the statements, one by one: nobody sees or touches more for it."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from psycopg import sql
from psycopg.pq.abc import PGresult

from dev.harness import client, every_call
from dev.harness.in_process import InProcess
from dev.harness.wizard import COPILOTKIT, EXA, STEP_DATA, complete_step
from dev.settings import new_webhook_secret
from lib import bootstrap, db
from lib.db import guards, personas, pipeline
from lib.db.bound import Bound
from lib.db.engine import Connection
from lib.db.scope import Scope
from lib.db.statements import Statement
from lib.db.tables import metadata
from tests.support.ai_backend import answering_everything, stub_backend
from tests.support.given_server import GivenServer, Server
from tests.support.inspection import Superuser, contents
from tests.support.webhook import deletion, send

OTHER, SETTLED = "user_2neighbour", "user_2settled"
LARGE = 100_000  # bytes
CONDITION = re.compile(r"\b\w+\.user_id = (?:%\(user_id\)s::VARCHAR|\w+\.user_id)")

# What changes from one walk to the next although nothing is wrong.
VOLATILE = re.compile(
    r'user_2forgetful_\d+|\d{4}-\d\d-\d\dT[^"]+|"(?:id|analysis_id|session_id)":\d+|"request_id":"\w+"'
)


@dataclass(frozen=True)
class Forgotten:
    """One condition of one statement, given by the statement's SQL."""

    sql: str
    start: int
    end: int

    def mutated(self) -> str:
        """The statement without it."""
        return f"{self.sql[: self.start]}true{self.sql[self.end :]}"


@dataclass
class Walk:
    """One user's way through every endpoint, and which statements each call ran."""

    calls: InProcess
    secret: str
    database: Superuser
    statements: dict[str, set[str]] = field(default_factory=dict)
    running: str = ""
    rows: list[int] = field(default_factory=list)
    forgotten: Forgotten | None = None

    def note(self, statement: Bound[Any]) -> Bound[Any]:
        """Remember that the request under way runs a statement, and give the one to run in its place."""
        self.statements.setdefault(statement.sql, set()).add(self.running)
        if self.forgotten and self.forgotten.sql == statement.sql:
            return Bound(self.forgotten.mutated(), statement.values)
        return statement

    def go(self, user: str, forgotten: Forgotten | None = None) -> dict[str, str]:
        """Make every call and give the answers; with a condition `forgotten`, those that it has a part in."""
        self.forgotten = forgotten
        wanted = CALLS if forgotten is None else self._affected_by(forgotten.sql)
        answers = {name: self._answer(name, user) for name in wanted}
        # Reading whole keys is noted, and the other user's rows have to stay as they are.
        reads = [name for name in FIRST_READS if name in wanted and CALLS[name][1] != "api-keys/onboarding"]
        return answers | {f"settled {name}": self._answer(name, SETTLED) for name in reads}

    def _affected_by(self, sql: str) -> list[str]:
        """The calls that run it; where one is a write, all writes, and the reads of what a write may change."""
        running = self.statements[sql].copy()
        if "INSERT INTO onboarding_events" in sql:  # what it does shows in the history alone
            return [name for name in CALLS if CALLS[name][0] != "GET" or CALLS[name][1] in HISTORY or name in running]
        if all(CALLS[name][0] == "GET" for name in running):
            return [name for name in FIRST_READS if name in running]
        return [name for name in CALLS if name in running or CALLS[name] not in READS or CALLS[name][1] == "step/2"]

    def _answer(self, name: str, user: str) -> str:
        method, path, sent = CALLS[name]
        self.running = name
        if method == "SQL":
            return str(self.database.execute(path, [user]).rowcount)
        if path == "webhook":
            return str(send(self.calls, self.secret, deletion(user)).status)
        self.rows.clear()
        options = {} if sent is None else {"json": sent}
        path, _, version = path.partition(" if ")
        headers = {"If-Match": version} if version else {}
        response = self.calls.request(method, every_call.url(path, user), user=user, headers=headers, **options)
        return VOLATILE.sub("*", f"{response.status} {self.rows} {response.text}")


def _read(*paths: str) -> list[tuple[str, str, Any]]:
    return [("GET", path, None) for path in paths]


def _complete(number: int, data: Any = None) -> tuple[str, str, Any]:
    return ("POST", f"step/{number}/complete", {"data": STEP_DATA[number] if data is None else data})


READS = _read(*every_call.READS, "style-detection/session-analyses?before=1")

SAVED_BELOW = {"start", "step4/persona-save", "api-keys", *(f"step/{number}/complete" for number in STEP_DATA)}
EDITS = [write for write in every_call.WRITES if write[0] == "PUT" or write[1] == every_call.FIRST_ANALYSIS]
OTHER_SAVES = [save for save in every_call.SAVES if save[1] not in SAVED_BELOW]

URL = {"url": "https://generated.example.com"}
GENERATED = [
    ("POST", "style-detection/complete", URL),
    ("POST", "step3/discover-competitors", URL),
    ("POST", "step4/generate-personas", {}),
    ("GET", "step4/persona-task/task-1", None),
]

FINISH = [("POST", "step/6/complete", None), ("POST", "complete", None)]
DRAFTS: list[tuple[str, str, Any]] = [
    ("PUT", "step/3/draft", {"data": {"mine": 1}}),
    ("PUT", 'step/3/draft if "2"', {"data": {"mine": 2}}),
    ("PUT", 'step/3/draft if "9"', {"data": {"mine": 3}}),
    ("PUT", "step/4/draft", {"data": {}}),
    ("DELETE", "step/4/draft", None),  # OTHER has a persona, which would hold the step in progress
]

SELECTED_BY_MORE = re.compile(r"write_seed|= now\(\)|AS before")
HISTORY = {"history", "api-keys/onboarding", "step4/persona-task/task-1"}
"""What is read of the history, and the reads that write to it."""

SCENARIO: list[tuple[str, str, Any]] = [
    *READS,
    *EDITS,  # of nothing: OTHER has an analysis and business information
    *FINISH,  # OTHER could, and has: here the required steps are missing
    ("POST", "start", None),
    *EDITS,  # still of nothing
    ("DELETE", "step/3/draft", None),  # OTHER has a draft
    ("DELETE", "api-keys/gemini", None),
    *_read("api-keys/onboarding", "history"),
    _complete(1, {"api_keys": {"exa": EXA}}),  # OTHER has a key of an AI provider
    _complete(2, {"website": "https://mine.example.com"}),
    _complete(3, {"research_depth": "Expert"}),
    *EDITS,  # OTHER has business information
    *DRAFTS,
    *READS,
    *FINISH,  # step 1 is missing
    _complete(1, {"api_keys": {"openai": "sk-" + "o" * 40}}),
    ("DELETE", "api-keys/openai", None),  # step 1 is to be done again; OTHER has a key, and is done
    ("POST", "complete", None),
    _complete(1, {"api_keys": {"openai": "sk-" + "o" * 40}}),
    ("SQL", "DELETE FROM api_keys WHERE user_id = %s", None),  # step 1 stays finished, as imported data may say
    *FINISH,  # OTHER has the key that is missing
    ("POST", "api-keys", {"provider": "copilotkit", "api_key": COPILOTKIT}),
    *FINISH,  # OTHER has a persona
    ("POST", "reset", None),
    ("DELETE", "api-keys/gemini", None),
    ("POST", "start", None),
    ("POST", "step4/persona-save", {"core_persona": {"identity": {"name": "mine"}}}),
    ("POST", "step/4/skip", None),
    _complete(4, {"corePersona": {"identity": {}}, "platformPersonas": {"x": {}}}),
    _complete(5, {"email": "mine@example.com"}),
    _complete(2, {"website": "", "businessData": {"business_description": "Bread and cakes"}}),
    *[_complete(number) for number in STEP_DATA if number > 5],
    *OTHER_SAVES,
    *GENERATED,
    _complete(2),  # a website too many, which OTHER has
    *EDITS,
    *READS,
    ("POST", "reset", None),
    *_read("status", "progress"),
    ("POST", "complete", None),
    ("POST", "reset?hard=true", None),
    *READS,
    _complete(5, {}),
    ("POST", "webhook", None),
    *READS,
]

CALLS = {f"{number} {method} {path}": (method, path, sent) for number, (method, path, sent) in enumerate(SCENARIO)}
FIRST_READS = list(CALLS)[: len(READS)]


def conditions() -> list[Forgotten]:
    """Every condition on the user of every statement of lib.db."""
    statements = set[str]()
    for module in pkgutil.walk_packages(db.__path__, "lib.db."):
        names = vars(importlib.import_module(module.name)).values()
        statements |= {statement.sql for statement in names if isinstance(statement, Statement)}
    return [Forgotten(sql, *match.span()) for sql in sorted(statements) for match in CONDITION.finditer(sql)]


@pytest.fixture(autouse=True)
def undescribed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a broken statement makes of an answer need not be what the description allows."""
    monkeypatch.setattr(client, "watchers", [])


@pytest.fixture
def one_server(postgres: Server) -> None:
    """Skips on a cluster."""
    if isinstance(postgres, GivenServer) and postgres.workers:
        pytest.skip("a cluster refuses most statements that do not name the user: they would join all shards")


@pytest.fixture
def walked(calls: InProcess, database: Superuser, monkeypatch: pytest.MonkeyPatch) -> Iterator[Walk]:
    """A way that notes its statements; OTHER has filled everything and finished, SETTLED the required steps."""
    secret = new_webhook_secret()
    monkeypatch.setenv("CLERK_WEBHOOK_SIGNING_SECRET", secret)
    with stub_backend() as stub:
        monkeypatch.setenv("AI_BACKEND_URL", answering_everything(stub).url)
        bootstrap.reset()
        way = Walk(calls, secret, database)
        monkeypatch.setattr(Connection, "exchange", _noting(way, Connection.exchange))
        monkeypatch.setattr("lib.db.engine.rows", _counting(way, pipeline.rows))
        fill(calls, database)
        monkeypatch.setattr(guards, "MAX_WEBSITES", 2)
        monkeypatch.setattr(guards, "MAX_STORED_BYTES", LARGE // 2)
        for limited in (guards, personas):
            monkeypatch.setattr(limited, "MAX_ROW_BYTES", LARGE // 2)
        way.statements.clear()
        yield way


def _noting(way: Walk, run: Any) -> Any:
    def noted(self: Connection, scope: Scope, statements: list[Bound[Any]]) -> Any:
        return run(self, scope, [way.note(statement) for statement in statements])

    return noted


def _counting(way: Walk, load: Any) -> Any:
    def loaded(connection: Connection, result: PGresult) -> Any:
        # The number of rows counts too, for those that the functions themselves drop.
        way.rows.append(result.command_tuples or 0)
        return load(connection, result)

    return loaded


def fill(calls: InProcess, database: Superuser) -> None:
    every_call.save_everything(calls, OTHER)
    # Where the information is shown: a statement that shows it again would be seen.
    database.execute("UPDATE onboarding_steps SET data = '{}' WHERE step_key = 'website'")
    # What the scenario asks for by its address, as if its id had been guessed.
    database.execute("UPDATE website_analyses SET id = 1 WHERE user_id = %s", [OTHER])
    database.execute("UPDATE onboarding_steps SET draft = '{}' WHERE user_id = %s", [OTHER])
    assert calls.post("/api/onboarding/complete", user=OTHER).status == 200
    own: dict[int, Any] = {1: {"api_keys": {"openai": "sk-" + "s" * 40}}, 2: {"website": "https://a.example"}}
    own[3] = {"research_depth": "Basic"}
    for number, data in own.items():
        assert complete_step(calls, SETTLED, number, data).status == 200
    # Whoever pages from OTHER's analysis on sees what is older.
    update = "UPDATE website_analyses SET analysis_date = now() + interval '1 day' WHERE user_id = %s"
    database.execute(update, [OTHER])
    # More than the limits of the walk, in every table: whoever counts OTHER's rows, too, is refused.
    large = json.dumps(secrets.token_urlsafe(LARGE))
    for table, column in {
        "api_keys": "details",
        "business_info": "additional_fields",
        "onboarding_steps": "draft",
        "persona_data": "quality_metrics",
        "onboarding_events": "detail",
        "platform_integrations": "connected_platforms",
        "research_preferences": "recommended_settings",
        "website_analyses": "crawl_result",
    }.items():
        enlarge = sql.SQL("UPDATE {} SET {} = %s WHERE user_id = %s")
        database.execute(enlarge.format(sql.Identifier(table), sql.Identifier(column)), [large, OTHER])


def rows_of_others(database: Superuser) -> list[str]:
    return [row for table, rows in contents(database).items() for row in rows if OTHER in row or SETTLED in row]


def test_every_condition_is_walked_over(walked: Walk) -> None:
    """The way below runs each statement that has one, so that none can be forgotten there."""
    walked.go("user_2forgetful_0")
    assert len(conditions()) > 30
    assert [mutant.sql for mutant in conditions() if mutant.sql not in walked.statements] == []


@pytest.mark.usefixtures("one_server")
def test_a_forgotten_where_shows_and_touches_nobody_else(walked: Walk, database: Superuser) -> None:
    """Postgres knows for whom a statement runs: each answer is the same, and the other user's rows are as they were."""
    expected, rows = walked.go("user_2forgetful_0"), rows_of_others(database)
    for number, mutant in enumerate(conditions(), start=1):
        found = walked.go(f"user_2forgetful_{number}", mutant)
        assert found == {name: expected[name] for name in found}, mutant
        assert rows_of_others(database) == rows, mutant


@pytest.mark.thorough
@pytest.mark.usefixtures("one_server")
def test_without_row_level_security_each_would_show(walked: Walk, database: Superuser) -> None:
    """The way above is not blind: the same statements without the guard give other answers, or touch the other user."""
    expected, rows = walked.go("user_2forgetful_0"), rows_of_others(database)
    for table in metadata.tables:
        database.execute(sql.SQL("ALTER TABLE {} DISABLE ROW LEVEL SECURITY").format(sql.Identifier(table)))
    unnoticed = []
    # What hangs on a random number or on the time of this very transaction is its user's own, whatever the condition
    # says; an event whose id was given is the same event for everybody; and a guard shows nothing of the rows that say
    # at which server of a cluster it looks.
    seen = [
        mutant
        for mutant in conditions()
        if not SELECTED_BY_MORE.search(mutant.sql) and not mutant.sql.startswith(") AS here", mutant.end)
    ]
    for number, mutant in enumerate(seen, start=1):
        found = walked.go(f"user_2forgetful_{number}", mutant)
        if rows_of_others(database) != rows:
            walked.forgotten = None
            database.execute("TRUNCATE onboarding_sessions RESTART IDENTITY CASCADE")
            fill(walked.calls, database)
            rows = rows_of_others(database)
        elif found == {name: expected[name] for name in found}:
            unnoticed.append(mutant)
    assert [mutant.sql[: mutant.end][-160:] for mutant in unnoticed] == []
