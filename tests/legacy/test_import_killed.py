import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from migrations.legacy.sample import write_old_system
from scripts.import_legacy import main
from tests.legacy.target_state import all_users, forget_everyone, states
from tests.support.killing import Run, kill_repeatedly, run_main

KILLS = 50
USERS = 50


@pytest.mark.slow
def test_killed_at_any_moment_no_user_is_half_imported_and_it_goes_on(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """SIGKILL at 50 random moments: each user is there whole or not at all, the sources are untouched, and it ends."""
    url, folder = environment["DATABASE_URL"], tmp_path / "old"
    write_old_system(folder, USERS)
    command = ["--to", url, "--files", str(folder), "--database", f"sqlite:///{folder}/old.db"]
    assert main(command) == 0
    whole = states(url, all_users(url))
    assert len(whole) == USERS
    forget_everyone(url)

    def run(kill_after: float | None) -> Run:
        if len(all_users(url)) > USERS / 2:
            forget_everyone(url)
        return run_main("scripts.import_legacy", command, kill_after, **{KEYS: os.environ[KEYS]})

    def check() -> None:
        there = all_users(url)
        assert states(url, there) == {user: whole[user] for user in there}

    kills = kill_repeatedly(run, check, KILLS)
    assert kills.inside >= KILLS
    assert main(command) == 0
    assert states(url, all_users(url)) == whole
    with closing(sqlite3.connect(folder / "old.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


KEYS = "API_KEY_ENCRYPTION_KEYS"
