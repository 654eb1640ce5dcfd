"""What the import decides: who owns what, which value stands, what is listed. The sources are written here."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from dev.harness.client import Client
from dev.settings import new_encryption_key
from lib import bootstrap
from migrations.legacy.identity import safe_name, user_hash
from migrations.legacy.records import ANALYSIS, API_KEY, INTEGRATIONS, PERSONA, PREFERENCES, SESSION, STEP
from scripts.import_legacy import main
from tests.legacy.old_schema import tables_for_sqlite
from tests.legacy.target_state import all_users, states

A, B = "user_2KF", "user_2WK"
OLD, NEW, NEWEST = "2025-01-01T00:00:00", "2025-06-01T00:00:00", "2025-06-02T00:00:00"
KEY, OTHER_KEY = "AIza-the-first-whole-key", "AIza-the-other-whole-key"
Import = Callable[..., dict[str, Any]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for progress files."""
    path = tmp_path / "files"
    path.mkdir()
    return path


@pytest.fixture
def old(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """An old database without rows, in autocommit."""
    with closing(sqlite3.connect(tmp_path / "old.db", isolation_level=None)) as database:
        database.executescript(tables_for_sqlite("INTEGER"))
        yield database


@pytest.fixture
def run(environment: dict[str, str], tmp_path: Path, folder: Path, old: sqlite3.Connection) -> Import:
    """Imports the database, and the folder if there is a file in it, and gives the report."""

    def import_both(*arguments: str, code: int = 0) -> dict[str, Any]:
        report = tmp_path / "report.json"
        files = ["--files", str(folder)] if any(folder.iterdir()) else []
        command = ["--to", environment["DATABASE_URL"], *files, "--report", str(report)]
        assert main([*command, "--database", f"sqlite:///{tmp_path}/old.db", *arguments]) == code
        found: dict[str, Any] = json.loads(report.read_text())
        assert found["balanced"]
        return found

    return import_both


def write(folder: Path, name: str, steps: dict[int, Any], at: str = NEW, **fields: Any) -> None:
    """Write a progress file in which `steps` are completed with that data."""
    entries = [{"step_number": n, "status": "completed", "completed_at": at, "data": data} for n, data in steps.items()]
    content = {"steps": entries, "current_step": max(steps) + 1, "started_at": OLD, "last_updated": at, **fields}
    (folder / f".onboarding_progress_{name}.json").write_text(json.dumps(content))


def session(old: sqlite3.Connection, user: object, at: str = OLD, step: int = 2, progress: float = 16.7) -> int:
    """Add a session and give its id."""
    columns = "user_id, current_step, progress, started_at, updated_at"
    values = (user, step, progress, OLD, at)
    cursor = old.execute(f"INSERT INTO onboarding_sessions ({columns}) VALUES (?, ?, ?, ?, ?)", values)  # noqa: S608
    return cursor.lastrowid or 0


def key(old: sqlite3.Connection, session_id: object, value: str, at: str = OLD) -> None:
    """Add a Gemini key."""
    old.execute(
        "INSERT INTO api_keys (session_id, provider, key, updated_at) VALUES (?, 'gemini', ?, ?)",
        (session_id, value, at),
    )


@pytest.mark.parametrize(
    ("in_file", "in_database", "stands"), [(NEW, OLD, KEY), (OLD, NEW, OTHER_KEY), (NEW, NEW, KEY)]
)
def test_newer_of_file_and_database_wins(
    run: Import,
    folder: Path,
    old: sqlite3.Connection,
    environment: dict[str, str],
    in_file: str,
    in_database: str,
    stands: str,
) -> None:
    """The newer key stands, a file's on a tie; the report names what was passed over, without a whole key."""
    write(folder, A, {1: {"api_keys": {"gemini": KEY}}}, in_file)
    key(old, session(old, A), OTHER_KEY, in_database)
    report = run()
    assert states(environment["DATABASE_URL"], [A])[A][API_KEY, "gemini"].values["key"] == stands
    losers = [entry for entry in report["passed_over"] if entry["thing"] == "api_keys gemini"]
    assert len(losers) == 1
    assert ("old.db" in losers[0]["place"]) == (stands == KEY)
    assert KEY not in json.dumps(report)
    assert OTHER_KEY not in json.dumps(report)


def test_fields_are_merged_group_by_group(
    run: Import, folder: Path, old: sqlite3.Connection, environment: dict[str, str]
) -> None:
    """A newer row replaces its own field groups in table and payload alike, and leaves the file's others."""
    analysis = {"writing_style": {"tone": "file"}, "brand_analysis": {"from": "file"}}
    write(folder, A, {2: {"website": "https://a.example", "analysis": analysis, "useAnalysisForGenAI": True}})
    old.execute(
        "INSERT INTO website_analyses (session_id, website_url, writing_style, crawl_result, updated_at)"
        ' VALUES (?, \'https://a.example\', \'{"tone": "row"}\', \'{"from": "row"}\', ?)',
        (session(old, A), NEWEST),
    )
    run()
    state = states(environment["DATABASE_URL"], [A])[A]
    stored = state[ANALYSIS, "https://a.example"].values
    assert stored["writing_style"] == {"tone": "row"}
    assert stored["brand_analysis"] == stored["crawl_result"] | {"from": "file"} == {"from": "file"}
    payload = state[STEP, "2"].values["data"]
    assert payload["analysis"] == {"writing_style": {"tone": "row"}, "brand_analysis": {"from": "file"}}
    assert payload["useAnalysisForGenAI"] is True


def test_newer_data_in_the_target_is_never_overwritten(
    run: Import, folder: Path, old: sqlite3.Connection, environment: dict[str, str], http: Client
) -> None:
    """What the user did in the new wizard stays as it is; what only the old system has is added."""
    steps: dict[int, Any] = {
        1: {"api_keys": {"gemini": KEY, "exa": "12345678-1234-1234-1234-123456789abc"}},
        2: {"website": "https://a.example", "analysis": {"writing_style": {"tone": "old"}}},
        4: {"corePersona": {"identity": {"voice": "old"}}, "platformPersonas": {"x": {}}},
    }
    write(folder, A, steps)
    now = {
        1: {"api_keys": {"gemini": OTHER_KEY}},
        2: {"website": "https://a.example", "analysis": {"writing_style": {"tone": "now"}}},
    }
    for number, data in now.items():
        assert http.post(f"/api/onboarding/step/{number}/complete", json={"data": data}, user=A).status == 200
    before = {number: http.get(f"/api/onboarding/step/{number}", user=A).json() for number in (1, 2)}
    report = run()
    after = {number: http.get(f"/api/onboarding/step/{number}", user=A).json() for number in (1, 2)}
    assert after[2] == before[2]
    assert after[1]["data"]["api_keys"]["gemini"] == before[1]["data"]["api_keys"]["gemini"]
    state = states(environment["DATABASE_URL"], [A])[A]
    assert state[ANALYSIS, "https://a.example"].values["writing_style"] == {"tone": "now"}
    assert state[API_KEY, "exa"].values["key"].startswith("12345678")
    assert state[PERSONA, ""].values["core_persona"] == {"identity": {"voice": "old"}}
    assert http.get("/api/onboarding/status", user=A).json()["current_step"] == 5
    assert {entry["winner"] for entry in report["passed_over"]} == {"target: already there"}


def test_stored_data_finishes_the_first_two_steps(
    run: Import, folder: Path, old: sqlite3.Connection, http: Client
) -> None:
    """The page never sends step 1, so an old key alone has finished it, and an old analysis step 2."""
    key(old, session(old, A, step=1, progress=0.0), KEY)
    write(folder, B, {2: {"website": "https://a.example", "analysis": {}}}, current_step=1)
    (file,) = folder.iterdir()
    file.write_text(file.read_text().replace('"completed"', '"pending"'))
    run()
    assert http.get("/api/onboarding/step/1", user=A).json()["status"] == "completed"
    assert http.get("/api/onboarding/status", user=A).json()["current_step"] == 2
    assert http.get("/api/onboarding/step/1", user=B).json()["status"] == "pending"
    assert http.get("/api/onboarding/step/2", user=B).json()["status"] == "completed"


def test_business_information_goes_to_its_owner(
    run: Import, folder: Path, old: sqlite3.Connection, http: Client
) -> None:
    """By id or hash; shown as step 2's data beside what a file has; without an owner it is reported."""
    session(old, A)
    rows = [(user_hash(A), "Bread and cakes", NEW), (None, "Whose is it", NEW), (77, "Nobody's either", NEW)]
    old.executemany("INSERT INTO user_business_info (user_id, business_description, updated_at) VALUES (?, ?, ?)", rows)
    sent = {"business_description": "Shoes and boots", "industry": "Fashion", "founded": 1999}
    write(folder, B, {2: {"website": None, "businessData": sent}})
    report = run()
    assert http.get("/api/onboarding/business-info/user/me", user=A).json()["business_description"] == "Bread and cakes"
    step = http.get("/api/onboarding/step/2", user=A).json()
    assert (step["status"], step["data"]["businessData"]) == ("completed", {"business_description": "Bread and cakes"})
    assert http.get("/api/onboarding/summary", user=B).json()["business_info"]["industry"] == "Fashion"
    assert http.get("/api/onboarding/step/2", user=B).json()["data"]["businessData"] == sent
    unmatched = [entry["place"] for entry in report["unmatched"]]
    assert unmatched == ["old.db: user_business_info id 2", "old.db: user_business_info id 3"]


def test_reset_in_the_new_wizard_stays(run: Import, folder: Path, environment: dict[str, str], http: Client) -> None:
    """A user who began anew is not moved on again by the old file."""
    steps = {1: {"api_keys": {"gemini": KEY}}, 2: {"website": "https://a.example"}, 3: {"competitors": [1]}}
    write(folder, A, steps, is_completed=True, completed_at=NEW)
    run()
    assert http.get("/api/onboarding/status", user=A).json()["is_completed"]
    assert http.post("/api/onboarding/reset", user=A).status == 200
    before = http.get("/api/onboarding/status", user=A).json()
    run()
    assert http.get("/api/onboarding/status", user=A).json() == before
    assert before["current_step"] == 1


def test_key_that_cannot_be_opened_is_not_replaced_by_an_older_one(
    run: Import,
    folder: Path,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    http: Client,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With encryption keys that fit nothing the import refuses; where they fit some, it leaves the others alone."""
    data = {"api_keys": {"gemini": OTHER_KEY}}
    assert http.post("/api/onboarding/step/1/complete", json={"data": data}, user=A).status == 200
    right = environment["API_KEY_ENCRYPTION_KEYS"]
    monkeypatch.setenv("API_KEY_ENCRYPTION_KEYS", new_encryption_key())
    write(folder, A, {1: {"api_keys": {"gemini": KEY}}})
    command = ["--to", environment["DATABASE_URL"], "--files", str(folder)]
    assert main(command) == 1
    assert capsys.readouterr().err == (
        "cannot import: 1 API key in the target, and API_KEY_ENCRYPTION_KEYS can read none of them: "
        "set the keys of the deployment that uses this database\n"
    )
    bootstrap.reset()
    assert http.post("/api/onboarding/step/1/complete", json={"data": data}, user=B).status == 200
    run()
    monkeypatch.setenv("API_KEY_ENCRYPTION_KEYS", right)
    assert states(environment["DATABASE_URL"], [A])[A][API_KEY, "gemini"].values["key"] == OTHER_KEY


def test_erased_account_stays_erased(run: Import, folder: Path, environment: dict[str, str]) -> None:
    """What the old system still has of a deleted account is passed over, and the report says so."""
    with psycopg.connect(environment["DATABASE_URL"]) as connection:
        connection.execute(
            "SELECT set_config('role', 'onboarding_app', true), set_config('app.user_id', %s, true)", [A]
        )
        connection.execute("INSERT INTO erased_users (user_hash) VALUES (encode(sha256(%s), 'hex'))", [A.encode()])
    write(folder, A, {1: {"api_keys": {"gemini": KEY}}})
    report = run()
    assert all_users(environment["DATABASE_URL"]) == []
    assert [entry["winner"] for entry in report["passed_over"]] == ["the account was erased"]


@pytest.mark.parametrize("known_by", ["a file", "a text id", "--user-ids"])
def test_hash_is_matched_to_an_id_that_is_known(
    run: Import, folder: Path, old: sqlite3.Connection, environment: dict[str, str], tmp_path: Path, known_by: str
) -> None:
    """A hash as user_id, and one in place of a session's id, find their user however the id is known."""
    key(old, session(old, user_hash(A)), KEY)
    old.execute(
        "INSERT INTO website_analyses (session_id, website_url) VALUES (?, 'https://a.example')", (user_hash(A),)
    )
    arguments: list[str] = []
    if known_by == "a file":
        write(folder, A, {1: {"api_keys": {}}})
    elif known_by == "a text id":
        session(old, A)
    else:
        (tmp_path / "ids.txt").write_text(f"{B}\n{A}\n\n")
        arguments = ["--user-ids", str(tmp_path / "ids.txt")]
    report = run(*arguments)
    assert report["unmatched"] == []
    state = states(environment["DATABASE_URL"], [A])[A]
    assert state[API_KEY, "gemini"].values["key"] == KEY
    assert (ANALYSIS, "https://a.example") in state


def test_what_names_nobody_is_listed_and_can_be_assigned(
    run: Import, folder: Path, old: sqlite3.Connection, environment: dict[str, str]
) -> None:
    """Bare numbers, unclaimed hashes, orphans and the global file are listed until --assign names their user."""
    key(old, session(old, 3), KEY)
    session(old, user_hash(B))
    key(old, 77, OTHER_KEY)
    key(old, None, OTHER_KEY)
    write(folder, A, {5: {"connectedPlatforms": ["wix"], "email": "a@example.com"}})
    (folder / f".onboarding_progress_{A}.json").rename(folder / ".onboarding_progress.json")
    listed = {entry["old"]: entry["place"] for entry in run()["unmatched"]}
    assert all_users(environment["DATABASE_URL"]) == []
    assert listed["3"] == "old.db: onboarding_sessions id 1"
    assert listed[str(user_hash(B))] == "old.db: onboarding_sessions id 2"
    assert listed["session_id:77"] == "old.db: api_keys id 2"
    assert listed["session_id:None"] == "old.db: api_keys id 3"
    assert listed[".onboarding_progress.json"] == "files: .onboarding_progress.json"
    report = run(*(f"--assign={old_name}={A}" for old_name in listed))
    assert report["unmatched"] == []
    state = states(environment["DATABASE_URL"], [A])[A]
    assert state[INTEGRATIONS, ""].values["email"] == "a@example.com"
    assert (API_KEY, "gemini") in state


def test_file_name_stands_for_the_id_that_is_known(
    run: Import, folder: Path, old: sqlite3.Connection, environment: dict[str, str]
) -> None:
    """`_` in a file's name may stand for another character; two ids that it may stand for are left to the operator."""
    odd = "user_a.b|c"
    session(old, odd)
    write(folder, safe_name(odd), {1: {"api_keys": {"gemini": KEY}}})
    assert run()["unmatched"] == []
    assert states(environment["DATABASE_URL"], [odd])[odd][API_KEY, "gemini"].values["key"] == KEY
    session(old, "user_a_b_c")
    assert [entry["reason"] for entry in run()["unmatched"]] == ["ambiguous: user_a.b|c or user_a_b_c"]


def test_broken_file_is_listed_and_the_rest_goes_on(run: Import, folder: Path, environment: dict[str, str]) -> None:
    """Half a file, JSON of another shape, and entries that are no steps do not stop the others."""
    write(folder, A, {1: {"api_keys": {"gemini": KEY}}})
    (folder / f".onboarding_progress_{B}.json").write_text('{"steps": [')
    (folder / ".onboarding_progress_user_C.json").write_text("[]")
    write(folder, "user_D", {9: {}})
    (folder / ".onboarding_progress_user_E.json").write_text('{"steps": [' + "[" * 500 + "]" * 500 + "]}")
    report = run(code=1)
    assert all_users(environment["DATABASE_URL"]) == [A, "user_D"]
    assert {entry["place"] for entry in report["broken"]} == {
        f"files: .onboarding_progress_{name}.json" for name in (B, "user_C", "user_D", "user_E")
    }


def test_text_that_postgres_cannot_hold_is_replaced_and_said(
    run: Import, folder: Path, environment: dict[str, str]
) -> None:
    """U+0000, lone surrogates and NaN come along as U+FFFD and null."""
    write(folder, A, {5: {"a\0b": ["\ud800", float("nan"), "ü"]}})
    report = run()
    assert states(environment["DATABASE_URL"], [A])[A][STEP, "5"].values["data"] == {"a\ufffdb": ["\ufffd", None, "ü"]}
    assert len(report["broken"]) == 1


def test_payload_that_breaks_todays_rules_is_kept(run: Import, folder: Path, environment: dict[str, str]) -> None:
    """A step whose payload today's wizard could not send comes back as it was."""
    odd = {
        2: {"website": "no url", "analysis": {"writing_style": {}}},
        3: {"research_depth": "Deep", "competitors": [1]},
    }
    write(folder, A, odd)
    run()
    state = states(environment["DATABASE_URL"], [A])[A]
    assert {number: state[STEP, str(number)].values["data"] for number in odd} == odd
    assert state[PREFERENCES, ""].values["research_depth"] == "Standard"


def test_key_beside_api_keys_is_not_stored_plain(run: Import, folder: Path, environment: dict[str, str]) -> None:
    """A key that stands in step 1's payload itself, or is repeated in it, is taken out of it and encrypted."""
    write(folder, A, {1: {"gemini": KEY, "note": f"my key is {KEY}", "api_keys": "none"}})
    run()
    state = states(environment["DATABASE_URL"], [A])[A]
    assert state[API_KEY, "gemini"].values["key"] == KEY
    assert KEY not in json.dumps(state[STEP, "1"].values["data"])


def test_columns_of_other_releases_come_along(
    run: Import, old: sqlite3.Connection, environment: dict[str, str]
) -> None:
    """What a release of the old software added to its tables is kept beside the known columns, or listed."""
    old.execute("ALTER TABLE persona_data ADD research_persona JSON")
    old.execute("ALTER TABLE website_analyses ADD seo_audit JSON")
    old.execute("ALTER TABLE research_preferences ADD odd TEXT")
    number = session(old, A)
    old.execute("INSERT INTO persona_data (session_id, research_persona) VALUES (?, '{\"a\": 1}')", (number,))
    old.execute(
        "INSERT INTO website_analyses (session_id, website_url, seo_audit) VALUES (?, 'https://a.example', 'plain')",
        (number,),
    )
    columns = "session_id, research_depth, content_types, odd"
    old.execute(f"INSERT INTO research_preferences ({columns}) VALUES (?, 'Basic', '[]', 'x')", (number,))  # noqa: S608
    report = run()
    state = states(environment["DATABASE_URL"], [A])[A]
    assert state[PERSONA, ""].values["additional_fields"] == {"research_persona": {"a": 1}}
    assert state[ANALYSIS, "https://a.example"].values["additional_fields"] == {"seo_audit": "plain"}
    assert [entry["problem"] for entry in report["broken"]] == ["has columns that nothing takes: odd"]


def test_dry_run_writes_nothing_and_says_the_same(
    run: Import, folder: Path, old: sqlite3.Connection, environment: dict[str, str]
) -> None:
    """Its reconciliation is that of the real run that follows."""
    write(folder, A, {1: {"api_keys": {"gemini": KEY}}})
    key(old, session(old, B), OTHER_KEY)
    rehearsed = run("--dry-run")
    assert rehearsed["dry_run"]
    assert all_users(environment["DATABASE_URL"]) == []
    assert run()["reconciliation"] == rehearsed["reconciliation"]


def test_old_database_may_be_a_postgres(environment: dict[str, str], empty_database_url: str, tmp_path: Path) -> None:
    """An old Postgres is read in place, and left as it is."""
    with psycopg.connect(empty_database_url) as connection:
        connection.execute(tables_for_sqlite("INTEGER").replace("DATETIME", "TIMESTAMP").encode())
        connection.execute("INSERT INTO onboarding_sessions (id, user_id) VALUES (1, %s)", [user_hash(A)])
        connection.execute("INSERT INTO api_keys (id, session_id, provider, key) VALUES (1, 1, 'gemini', %s)", [KEY])
    (tmp_path / "ids.txt").write_text(A)
    command = ["--to", environment["DATABASE_URL"], "--user-ids", str(tmp_path / "ids.txt")]
    assert main([*command, "--database", empty_database_url]) == 0
    assert states(environment["DATABASE_URL"], [A])[A][API_KEY, "gemini"].values["key"] == KEY


def test_database_that_is_ahead_of_a_stale_file_moves_the_user_on(
    run: Import, folder: Path, old: sqlite3.Connection, environment: dict[str, str]
) -> None:
    """On a host that lost later files the database got further; its steps count as finished."""
    write(folder, A, {1: {"api_keys": {"gemini": KEY}}}, OLD)
    key(old, session(old, A, NEW, step=4, progress=50.0), KEY)
    run()
    state = states(environment["DATABASE_URL"], [A])[A]
    assert state[SESSION, ""].values["current_step"] == 4
    assert state[STEP, "2"].values["status"]["status"] == "completed"


def test_unbalanced_report_is_exit_code_1(
    environment: dict[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """If something that was planned does not stand in the target afterwards, the run says so and fails."""
    write(folder, A, {1: {"api_keys": {"gemini": KEY}}})
    monkeypatch.setattr("migrations.legacy.target.Target.write", lambda *_: None)
    assert main(["--to", environment["DATABASE_URL"], "--files", str(folder)]) == 1
    assert "lost: user user_2KF" in capsys.readouterr().out


def test_sources_are_closed_and_untouched(run: Import, old: sqlite3.Connection, tmp_path: Path) -> None:
    """The import reads: the old database is the same file afterwards, without a journal beside it."""
    session(old, A)
    content = (tmp_path / "old.db").read_bytes()
    run()
    assert (tmp_path / "old.db").read_bytes() == content
    assert not list(tmp_path.glob("old.db-*"))
    with closing(old):
        assert old.execute("SELECT count(*) FROM onboarding_sessions").fetchone() == (1,)
