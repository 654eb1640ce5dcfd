"""What a user takes on the disk, by table and index."""

from __future__ import annotations

import random
import uuid
from typing import Any, TypedDict

import psycopg

from bench.progress import say
from bench.stage import Stage
from dev.harness.every_call import BASE
from dev.harness.in_process import InProcess
from dev.harness.wizard import COPILOTKIT, EXA, GEMINI, INTEGRATIONS, PERSONA, WEBSITE

WRITTEN_USERS = 400
LOTS = 4

_SIZES = """
SELECT relname::text, pg_table_size(oid), pg_indexes_size(oid) FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'
ORDER BY pg_total_relation_size(oid) DESC
"""


class Bytes(TypedDict):
    """Bytes a user, of a table with what is out of line, and of its indexes."""

    table: float
    indexes: float


def per_user(connection: psycopg.Connection[Any], users: int) -> dict[str, Bytes]:
    """By table, the largest first."""
    rows = connection.execute(_SIZES).fetchall()
    return {name: {"table": table / users, "indexes": indexes / users} for name, table, indexes in rows}


def write_users(stage: Stage, connection: psycopg.Connection[Any], url: str) -> int:
    """Lead users through the whole wizard by requests. Gives how many; `connection` is a superuser's."""
    with stage.in_process(DATABASE_URL=url) as calls:
        for lot in range(LOTS):
            say(f"users who finish, {lot} of {LOTS} lots")
            for number in range(WRITTEN_USERS // LOTS):
                _finish(calls, f"user_2{uuid.uuid4().hex[:26]}", random.Random(lot * WRITTEN_USERS + number))  # noqa: S311 - text
            connection.execute("VACUUM")  # as autovacuum does, which is off here
    return WRITTEN_USERS


def _finish(calls: InProcess, user: str, words: random.Random) -> None:
    """As the page does it: three keys, an analysis of 6 KB, a draft, competitors, a persona of 5 KB."""
    analysis = {**WEBSITE["analysis"], "crawl_result": {"content": _prose(words, 4_000)}, "tips": _prose(words, 2_000)}
    website = {**WEBSITE, "analysis": analysis}
    found = [{"url": f"https://{n}.example.com", "summary": _prose(words, 300)} for n in range(10)]
    core = {**PERSONA["corePersona"], "description": _prose(words, 4_000)}
    persona = {**PERSONA, "corePersona": core, "platformPersonas": {"linkedin": {"notes": _prose(words, 1_000)}}}
    keys = {"gemini": GEMINI, "exa": EXA, "copilotkit": COPILOTKIT}
    requests: list[tuple[str, str, object]] = [
        *(("POST", "api-keys", {"provider": name, "api_key": key}) for name, key in keys.items()),
        ("POST", "step/2/complete", {"data": website}),
        ("PUT", "step/3/draft", {"data": {"competitors": found}}),
        ("POST", "step/3/complete", {"data": {**website, "competitors": found}}),
        ("POST", "step4/persona-save", {"core_persona": core}),
        ("POST", "step/4/complete", {"data": persona}),
        ("POST", "step/5/complete", {"data": INTEGRATIONS}),
        ("POST", "step/6/complete", {}),
        ("POST", "complete", {}),
    ]
    for method, path, body in requests:
        answer = calls.request(method, f"{BASE}/{path}", user=user, json=body)
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {answer.text}")


def _prose(words: random.Random, characters: int) -> str:
    """Text that compresses as prose does: words of which a few come often."""
    vocabulary = [_word(words) for _ in range(400)]
    often = [1 / (place + 1) for place in range(len(vocabulary))]
    return " ".join(words.choices(vocabulary, often, k=characters // 6))[:characters]


def _word(words: random.Random) -> str:
    return "".join(words.choices("etaoinshrdlucmfw", k=words.randint(2, 9)))
