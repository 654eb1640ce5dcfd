"""A login of its own, which may become the functions' role and nothing else."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from psycopg import sql

from dev.harness.in_process import InProcess
from dev.harness.wizard import walk
from lib import bootstrap
from tests.support.inspection import Superuser

LOGIN, PASSWORD = "onboarding_login", "onboarding"


def test_functions_need_no_more_than_membership(
    calls: InProcess, database: Superuser, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As SECURITY.md says: the owner's URL can be kept for migrations alone."""
    database.execute(sql.SQL("CREATE ROLE {} LOGIN NOINHERIT PASSWORD {}").format(sql.Identifier(LOGIN), PASSWORD))
    try:
        database.execute(sql.SQL("GRANT onboarding_app TO {}").format(sql.Identifier(LOGIN)))
        database.execute(sql.SQL("GRANT SELECT ON alembic_version TO {}").format(sql.Identifier(LOGIN)))
        parts = urlsplit(database_url)
        monkeypatch.setenv(
            "DATABASE_URL", parts._replace(netloc=f"{LOGIN}:{PASSWORD}@{parts.hostname}:{parts.port}").geturl()
        )
        bootstrap.reset()
        walk(calls, "user_a", 1, 2, 3, 4, 5)
        assert calls.post("/api/onboarding/complete", user="user_a").status == 200
        assert calls.get("/api/onboarding/export", user="user_a").status == 200
        assert calls.get("/api/health").status == 200
    finally:
        bootstrap.reset()
        database.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(LOGIN)))
