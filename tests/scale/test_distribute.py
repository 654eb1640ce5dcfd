"""`scripts/distribute.py`: what it refuses, that it may be killed and run again, and that no row is lost by it."""

from __future__ import annotations

import subprocess
import sys
from urllib.parse import urlsplit

import psycopg
import pytest

from dev.harness.population import populate
from dev.settings import ROOT
from lib.db.tables import metadata
from scripts.distribute import main
from scripts.distribution import remaining
from tests.support.cluster import Cluster
from tests.support.given_server import GivenServer
from tests.support.inspection import contents, superuser

pytestmark = pytest.mark.slow
USERS = 50
FEW = ["--shards", "4"]


def test_it_refuses_what_cannot_be_distributed(
    postgres: GivenServer, empty_database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line says what is missing, and nothing of the password: the extension, then the schema, then the workers."""
    with postgres.superuser(urlsplit(empty_database_url).path[1:]) as connection:
        for missing, cure in {
            "run CREATE EXTENSION citus": "CREATE EXTENSION citus",
            "run `python -m migrations`": "",
        }.items():
            assert main([empty_database_url]) == 2
            said = capsys.readouterr().err
            assert missing in said
            assert said.count("\n") == 1
            assert (postgres.password or "no password") not in said
            if cure:
                connection.execute(cure)


def test_it_refuses_workers_that_the_role_cannot_log_in_to(
    cluster: Cluster, undistributed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nodes log in to each other as the functions' role: the node and the cure are named, and no table has moved."""
    worker = cluster.nodes[1]
    with worker.connect() as connection:
        connection.execute("SET citus.enable_alter_role_propagation = off")
        try:
            connection.execute("ALTER ROLE onboarding_app PASSWORD 'another'")
            assert main([undistributed, *FEW]) == 2
        finally:
            connection.execute(f"ALTER ROLE onboarding_app PASSWORD '{cluster.password}'")
    said = capsys.readouterr().err
    assert f"cannot log in to 127.0.0.1:{worker.port} as onboarding_app" in said
    assert cluster.password not in said
    with psycopg.connect(undistributed) as connection:
        assert len(remaining(connection).tables) == len(metadata.tables)


def test_a_dry_run_changes_nothing_and_a_killed_run_is_finished_by_the_next(
    postgres: GivenServer, undistributed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every row of before is there at the end, no table is left half moved, and one run more has nothing to do."""
    with superuser(postgres, undistributed) as database:
        populate(database, USERS)
        before = contents(database)
        assert main([undistributed, "--dry-run"]) == 0
        shown = capsys.readouterr().out
        assert all(table in shown for table in metadata.tables)
        assert database.execute("SELECT count(*) FROM pg_dist_partition").fetchone() == (0,)
        command = [sys.executable, "-u", "scripts/distribute.py", undistributed, *FEW]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            next(line for line in child.stdout if line.startswith("3/"))
            child.kill()
        assert contents(database) == before
        assert main([undistributed, *FEW]) == 0
        capsys.readouterr()
        assert contents(database) == before
        assert database.execute("SELECT sum(pg_relation_size(logicalrelid)) FROM pg_dist_partition").fetchone() == (0,)
        assert main([undistributed]) == 0
        assert capsys.readouterr().out.startswith("Nothing to do")
