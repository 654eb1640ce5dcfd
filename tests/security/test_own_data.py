"""A person's own data: all of it can be had, and all of it can be erased."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from psycopg import sql
from sqlalchemy import LargeBinary

from dev.harness.every_call import save_everything
from dev.harness.in_process import InProcess
from dev.harness.wizard import BUSINESS, EXA, GEMINI, STEP_DATA, walk
from lib.db.export import LEFT_OUT, NAMES
from lib.db.tables import metadata
from tests.support.inspection import USER_TABLES, Superuser, contents, places_of

EXPORT = "/api/onboarding/export"
USER, OTHER = "user_2owner", "user_2neighbour"


def export(calls: InProcess, user: str = USER) -> Any:
    response = calls.get(EXPORT, user=user)
    assert response.status == 200, response.text
    assert response.headers["Cache-Control"] == "private, no-store"
    return response.json()


def fill(calls: InProcess, user: str) -> None:
    save_everything(calls, user)
    saved = {"provider": "mistral", "api_key": "m" * 32, "description": f"the key of {user}"}
    assert calls.post("/api/onboarding/api-keys", user=user, json=saved).status == 200
    draft = {"core_persona": {"identity": {"name": user}}, "note": "kept"}
    assert calls.post("/api/onboarding/step4/persona-save", user=user, json=draft).status == 200


# What the export says besides what is stored: what callers of the API know a step and a session by.
DERIVED = {
    "onboarding_steps": {"step_number"},
    "onboarding_sessions": {"current_step", "progress"},
    "api_keys": {"api_key"},
}


def test_the_export_holds_every_column_of_every_table(calls: InProcess) -> None:
    """A table or column added later cannot be forgotten: the declared ones are what is asked for."""
    fill(calls, USER)
    found = export(calls)
    for table in USER_TABLES:
        place = NAMES[table]
        rows = found[place] if isinstance(found[place], list) else [found[place]]
        assert rows[0], f"no call of SAVES in dev/harness/every_call.py stores anything in {table}"
        wanted = {column.name for column in metadata.tables[table].columns if not isinstance(column.type, LargeBinary)}
        for row in rows:
            assert set(row) == (wanted - LEFT_OUT.get(table, set())) | DERIVED.get(table, set()), table


def test_the_export_gives_back_what_was_sent(calls: InProcess) -> None:
    """Each step's payload as it came, and what the keys' and the persona's forms sent besides."""
    fill(calls, USER)
    found = export(calls)
    sent = {number: data for number, data in STEP_DATA.items() if number != 1}
    sent[2] = {**sent[2], "businessData": BUSINESS}
    assert {step["step_number"]: step["data"] for step in found["steps"] if step["step_number"] != 1} == sent
    details = {key["provider"]: key["details"] for key in found["api_keys"]}
    assert details["mistral"] == {"description": f"the key of {USER}"}
    assert found["persona"]["additional_fields"] == {"note": "kept"}
    assert found["website_analyses"][0]["website_url"] == STEP_DATA[2]["website"]


def test_the_export_masks_keys(calls: InProcess) -> None:
    """The first and last four characters, and the key nowhere."""
    fill(calls, USER)
    found = export(calls)
    assert {key["provider"]: key["api_key"] for key in found["api_keys"]} == {
        "copilotkit": "ck_p…67e7",
        "exa": "6287…1047",
        "gemini": "AIza…kkkk",
        "mistral": "mmmm…mmmm",
        "openai": "sk-0…cdef",
    }
    assert not [key for key in (GEMINI, EXA, "m" * 32) if key in json.dumps(found)]


def test_the_export_shows_a_key_that_cannot_be_decrypted_as_missing(calls: InProcess, database: Superuser) -> None:
    """The row is there and said to be, and it costs nobody the rest of their data."""
    fill(calls, USER)
    database.execute("UPDATE api_keys SET encrypted_key = 'x' WHERE provider = 'exa'")
    keys = {key["provider"]: key["api_key"] for key in export(calls)["api_keys"]}
    assert keys["exa"] is None
    assert keys["gemini"] == "AIza…kkkk"


def test_the_export_is_in_utc(calls: InProcess, database: Superuser) -> None:
    """Whatever time zone the database is set to."""
    name = sql.Identifier(database.info.dbname)
    database.execute(sql.SQL("ALTER DATABASE {} SET TimeZone = 'Asia/Kathmandu'").format(name))
    fill(calls, USER)
    found = export(calls)
    times = [found["exported_at"], found["session"]["started_at"], found["website_analyses"][0]["analysis_date"]]
    assert all(datetime.fromisoformat(moment).utcoffset() == timedelta(0) for moment in times)


def test_a_new_user_can_export_nothing(calls: InProcess, database: Superuser) -> None:
    """Empty, not an error, and a GET writes nothing."""
    before = contents(database)
    found = export(calls)
    assert (found["user_id"], found["session"], found["steps"], found["api_keys"]) == (USER, None, [], [])
    assert contents(database) == before


def test_the_export_shows_nobody_else(calls: InProcess) -> None:
    """Not a row of another user's."""
    fill(calls, USER)
    fill(calls, OTHER)
    assert OTHER not in json.dumps(export(calls))


def test_erasing_leaves_no_trace_of_the_user(calls: InProcess, database: Superuser) -> None:
    """No column of no table holds the id any more, not even as a hash: this user may start again."""
    fill(calls, USER)
    fill(calls, OTHER)
    others = places_of(database, OTHER)
    assert {place.partition(".")[0] for place in places_of(database, USER)} == set(USER_TABLES)
    assert calls.post("/api/onboarding/reset?hard=true", user=USER).status == 200
    assert places_of(database, USER) == []
    assert contents(database)["erased_users"] == []
    assert places_of(database, OTHER) == others
    walk(calls, USER, 1)


def test_a_soft_reset_erases_nothing(calls: InProcess) -> None:
    """Only `hard=true` does."""
    fill(calls, USER)
    before = {place: export(calls)[place] for place in ("api_keys", "website_analyses", "persona", "integrations")}
    for query in ("", "?hard=false", "?hard=", "?soft=true"):
        assert calls.post(f"/api/onboarding/reset{query}", user=USER).status == 200
    assert {place: export(calls)[place] for place in before} == before


@pytest.mark.parametrize("path", [EXPORT, "/api/onboarding/reset?hard=true"])
def test_nobody_gets_or_erases_data_without_a_token(bare: InProcess, path: str) -> None:
    """Naming a user in the query does not help."""
    method = "GET" if path == EXPORT else "POST"
    assert bare.request(method, f"{path}{'&' if '?' in path else '?'}user_id={USER}").status == 401
