import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from migrations.legacy.retype_sqlite import RetypeError, backup_path, retype_sqlite
from scripts.migrate_user_id_to_string import main
from tests.legacy.old_schema import many_sessions
from tests.support.killing import Run, kill_repeatedly, run_main

KILLS = 50
SCRIPT = "scripts.migrate_user_id_to_string"


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    """What a query finds."""
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


def everything(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables, user ids as text."""
    tables = [str(name) for (name,) in rows(path, "SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = {table: rows(path, f'SELECT * FROM "{table}" ORDER BY rowid') for table in tables}  # noqa: S608
    sessions = found["onboarding_sessions"]
    return {**found, "onboarding_sessions": [(first, str(user_id), *rest) for first, user_id, *rest in sessions]}


def user_id_type(path: Path) -> object:
    """The type of the sessions' user_id."""
    return rows(path, "SELECT type FROM pragma_table_info('onboarding_sessions') WHERE name = 'user_id'")[0][0]


@pytest.fixture
def integer_ids(legacy: Path, tmp_path: Path) -> Path:
    """A copy of the old software's database with integer ids."""
    path = tmp_path / "alwrity.db"
    shutil.copy(legacy / "alwrity_integer_ids.db", path)
    path.chmod(0o640)
    return path


def test_every_kind_of_user_id_survives_as_text(integer_ids: Path) -> None:
    """Hashes, bare small numbers and texts that stand in the INTEGER column are all there afterwards, as text."""
    before = everything(integer_ids)
    assert main([f"sqlite:///{integer_ids}"]) == 0
    assert everything(integer_ids) == before
    assert user_id_type(integer_ids) == "VARCHAR(255)"
    kinds = rows(integer_ids, "SELECT DISTINCT typeof(user_id) FROM onboarding_sessions")
    assert kinds == [("text",)]
    assert {user_id for _, user_id, *_ in before["onboarding_sessions"]} >= {"1608185393", "3"}


def test_backup_is_the_database_from_before(integer_ids: Path) -> None:
    """The copy beside the file opens, holds what was there, with the old type, and is no more readable by others."""
    before = everything(integer_ids)
    main([f"sqlite:///{integer_ids}"])
    copy = backup_path(integer_ids)
    assert (everything(copy), user_id_type(copy)) == (before, "INTEGER")
    assert copy.stat().st_mode == integer_ids.stat().st_mode


def test_second_run_has_nothing_to_do(integer_ids: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Once changed, a database is left as it is, byte for byte."""
    main([f"sqlite:///{integer_ids}"])
    content = integer_ids.read_bytes()
    capsys.readouterr()
    assert main([f"sqlite:///{integer_ids}"]) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert integer_ids.read_bytes() == content


def test_all_that_hangs_on_the_table_is_kept(tmp_path: Path) -> None:
    """Indexes, constraints, defaults, triggers, views, AUTOINCREMENT's place and orphans stay as they were."""
    path = tmp_path / "odd.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript("""
            CREATE TABLE "onboarding_sessions" (
                id INTEGER PRIMARY KEY AUTOINCREMENT, -- a comment, with user_id INTEGER
                [user_id] INTEGER(11) NOT NULL DEFAULT 7 CONSTRAINT odd CHECK (user_id <> ','),
                note TEXT COLLATE NOCASE DEFAULT 'user_id INTEGER', twice AS (note || note),
                parent INTEGER REFERENCES onboarding_sessions (id), UNIQUE (user_id, note)
            );
            CREATE INDEX by_user ON onboarding_sessions (user_id) WHERE note IS NOT NULL;
            CREATE TABLE child (session_id INTEGER REFERENCES onboarding_sessions (id) ON DELETE CASCADE);
            CREATE VIEW ids AS SELECT user_id FROM onboarding_sessions;
            CREATE TABLE log (user_id);
            CREATE TRIGGER logged AFTER INSERT ON onboarding_sessions BEGIN INSERT INTO log VALUES (new.user_id); END;
            INSERT INTO onboarding_sessions (user_id, note) VALUES (1, 'a'), ('user_ü', 'b'), (3, NULL);
            DELETE FROM onboarding_sessions WHERE id = 3;
            INSERT INTO child VALUES (1), (2), (782590918);
        """)
    before = rows(path, "SELECT type, name, sql FROM sqlite_master WHERE name <> 'onboarding_sessions' ORDER BY name")
    assert retype_sqlite(path, lambda _: None) == 2
    after = rows(path, "SELECT type, name, sql FROM sqlite_master WHERE name <> 'onboarding_sessions' ORDER BY name")
    assert after == before
    (definition,) = rows(path, "SELECT sql FROM sqlite_master WHERE name = 'onboarding_sessions'")[0]
    assert "[user_id] VARCHAR(255) NOT NULL DEFAULT 7 CONSTRAINT odd CHECK (user_id <> ',')," in str(definition)
    assert rows(path, "SELECT seq FROM sqlite_sequence WHERE name = 'onboarding_sessions'") == [(3,)]
    assert rows(path, "SELECT * FROM child") == [(1,), (2,), (782590918,)]
    assert rows(path, "SELECT * FROM log") == [(1,), ("user_ü",), (3,)]
    assert rows(path, "SELECT user_id, twice FROM onboarding_sessions") == [("1", "aa"), ("user_ü", "bb")]


def test_refusal_changes_nothing(tmp_path: Path) -> None:
    """A database without the table is refused, and left as it was."""
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE other (user_id INTEGER)")
    content = path.read_bytes()
    with pytest.raises(RetypeError, match="no table onboarding_sessions"):
        retype_sqlite(path, lambda _: None)
    assert path.read_bytes() == content


@pytest.mark.slow
def test_killed_at_any_moment_it_is_as_before_or_as_after(tmp_path: Path) -> None:
    """SIGKILL at 50 random moments: the database opens, sound, with every row, old or new; then it is completed."""
    original, path = tmp_path / "original.db", tmp_path / "alwrity.db"
    many_sessions(original, 4_000)
    expected = everything(original)

    def run(kill_after: float | None) -> Run:
        if not path.exists() or user_id_type(path) != "INTEGER":
            shutil.copy(original, path)
        return run_main(SCRIPT, [f"sqlite:///{path}"], kill_after)

    def check() -> None:
        assert rows(path, "PRAGMA integrity_check") == [("ok",)]
        assert user_id_type(path) in {"INTEGER", "VARCHAR(255)"}
        assert everything(path) == expected

    kills = kill_repeatedly(run, check, KILLS)
    assert len(kills.by_phase) >= 3, f"the kills did not spread over the work: {kills}"
    assert main([f"sqlite:///{path}"]) == 0
    assert (user_id_type(path), everything(path)) == ("VARCHAR(255)", expected)
