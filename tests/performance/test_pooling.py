"""The connections of many instances, directly and through a pooler."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from dev.harness.clerk import TokenFactory
from dev.harness.in_process import InProcess
from dev.harness.vercel.toolchain import skip_or_fail
from dev.local_postgres import LocalPostgres
from dev.settings import ROOT, without_settings
from lib.db.engine import POOL_SIZE
from tests.support.inspection import Superuser, superuser
from tests.support.pgbouncer import SERVER_CONNECTIONS, find_pgbouncer, pgbouncer

INSTANCES, REQUESTS, USERS = 20, 2_000, 40


def connections(database: Superuser) -> int:
    """How many the functions hold on this database."""
    counted = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'onboarding_owner'"
    )
    row = database.execute(counted).fetchone()
    assert row is not None
    return int(str(row[0]))


@pytest.mark.slow
def test_20_instances_share_10_connections_of_a_pooler_in_transaction_mode(
    environment: dict[str, str], token: TokenFactory, postgres: LocalPostgres
) -> None:
    """2,000 requests: no error, no trouble with prepared statements, and no user's setting is ever seen by another."""
    program = find_pgbouncer()
    if program is None:
        skip_or_fail("pgbouncer not found: install it with `apt-get install pgbouncer`")
    tokens = {
        f"user_2pooled_{number}": token(f"user_2pooled_{number}", exp=4_102_444_800)
        for number in range(100, 100 + USERS)
    }
    asked = {"instances": INSTANCES, "requests": REQUESTS // INSTANCES, "threads": 4, "tokens": tokens}
    with (
        pgbouncer(program, environment["DATABASE_URL"]) as url,
        superuser(postgres, environment["DATABASE_URL"]) as database,
    ):
        done = subprocess.run(
            [sys.executable, "-m", "tests.support.swarm"],
            cwd=ROOT,
            env={**without_settings(os.environ), **environment, "DATABASE_URL": url},
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, ""), done.stderr[-2000:]
        assert 1 <= connections(database) <= SERVER_CONNECTIONS


def test_an_idle_instance_holds_no_more_than_its_pool(
    environment: dict[str, str], token: TokenFactory, postgres: LocalPostgres
) -> None:
    """However many requests ran side by side, the first ones of the process included."""
    assert POOL_SIZE <= 5
    calls = InProcess("", 0, token)
    with ThreadPoolExecutor(32) as pool, superuser(postgres, environment["DATABASE_URL"]) as database:
        answers = pool.map(lambda n: calls.get("/api/onboarding/status", user=f"user_2idle_{n}"), range(128))
        assert {answer.status for answer in answers} == {200}
        assert 1 <= connections(database) <= POOL_SIZE
