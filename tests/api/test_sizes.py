"""How much may be stored, and answers that stay under the platform's limit whatever is stored."""

from __future__ import annotations

import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from psycopg import sql

from dev.harness.client import Client, Response
from dev.harness.wizard import STEP_DATA, complete_step, walk
from tests.support.ai_backend import StubBackend, Told
from tests.support.inspection import Superuser, contents

USER = "user_2sizes"
BASE = "/api/onboarding"
LIST = "style-detection/session-analyses"
MAX_ANSWER_BYTES = 4_000_000
MIB = 1024 * 1024


def get(http: Client, path: str) -> Any:
    response = http.get(f"{BASE}/{path}", user=USER)
    assert response.status == 200, response.text[:500]
    return response.json()


def small(http: Client, path: str) -> Any:
    response = http.get(f"{BASE}/{path}", user=USER)
    assert response.status == 200, response.text[:500]
    assert len(response.body) < MAX_ANSWER_BYTES, len(response.body)
    return response.json()


def is_too_large(response: Response, field: str) -> None:
    assert response.status == 413, response.text[:500]
    problem = response.json()
    assert problem["code"] == "payload_too_large"
    assert [(error["field"], error["code"]) for error in problem["errors"]] == [(field, "too_large")]


def set_json(database: Superuser, table: str, column: str, value: object, condition: str = "true") -> None:
    """As an import may have stored it."""
    statement = sql.SQL("UPDATE {} SET {} = %s WHERE {}").format(
        sql.Identifier(table),
        sql.Identifier(column),
        sql.SQL(condition),
    )
    database.execute(statement, [json.dumps(value)])


def add_analyses(database: Superuser, count: int, bytes_each: int, column: str = "crawl_result") -> None:
    """As an import may have brought them: without regard to limits."""
    statement = sql.SQL(
        """INSERT INTO website_analyses (user_id, session_id, website_url, {}, analysis_date)
        SELECT user_id, id, 'https://imported.example/' || number, to_jsonb(%s || number),
               now() + number * interval '1 second'
        FROM onboarding_sessions, generate_series(1, %s) AS number WHERE user_id = %s"""
    ).format(sql.Identifier(column))
    database.execute(statement, [secrets.token_hex(bytes_each // 2), count, USER])


def pages(http: Client) -> list[Any]:
    found = [small(http, "export")]
    while found[-1]["next"]:
        found.append(small(http, f"export?after={found[-1]['next']}"))
        assert len(found) < 500
    return found


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6])
def test_data_and_validation_errors_have_a_size(http: Client, database: Superuser, number: int) -> None:
    """A megabyte of data is taken by every step, more is not, and nothing of it is stored."""
    walk(http, USER, 1, 2, 3)
    room = MIB - len(json.dumps(STEP_DATA[number], separators=(",", ":"), ensure_ascii=False).encode()) - 100
    assert complete_step(http, USER, number, {**STEP_DATA[number], "x": "x" * room}).status == 200
    before = contents(database)
    is_too_large(complete_step(http, USER, number, {**STEP_DATA[number], "x": "x" * MIB}), "data")
    sent = {"data": STEP_DATA[number], "validation_errors": ["x" * 66_000]}
    is_too_large(http.post(f"{BASE}/step/{number}/complete", user=USER, json=sent), "validation_errors")
    assert contents(database) == before


def test_every_other_write_has_a_size_too(http: Client) -> None:
    """An edited analysis, a persona's draft, and what is said of a key."""
    walk(http, USER, 2)
    number = get(http, "website-analysis")["analysis_id"]
    large = {"brand_analysis": "x" * MIB}
    is_too_large(http.request("PUT", f"{BASE}/style-detection/analysis/{number}", user=USER, json=large), "analysis")
    is_too_large(http.post(f"{BASE}/step4/persona-save", user=USER, json={"x": "x" * MIB}), "persona")
    key = {"provider": "openai", "api_key": "sk-1234567890", "description": "x " * 40_000}
    is_too_large(http.post(f"{BASE}/api-keys", user=USER, json=key), "description")


def test_many_edits_do_not_add_up_to_what_no_answer_holds(http: Client) -> None:
    """Each field alone is small enough; together they stop at 3 MiB, and what was there can be read whole."""
    walk(http, USER, 2)
    number = get(http, "website-analysis")["analysis_id"]
    fields = ["brand_analysis", "content_type", "recommended_settings", "some_other", "and_another"]
    url = f"{BASE}/style-detection/analysis/{number}"
    answers = [http.request("PUT", url, user=USER, json={field: "x" * 1_000_000}) for field in fields]
    assert [answer.status for answer in answers] == [200, 200, 200, 413, 413]
    is_too_large(answers[-1], "analysis")
    assert len(small(http, f"style-detection/analysis/{number}")["analysis"]["content_type"]) == 1_000_000
    small(http, "website-analysis")
    small(http, "summary")
    names = ["core_persona", "platform_personas", "quality_metrics"]
    drafts = [{name: {"x": "x" * 1_000_000}} for name in names] + [{"more": "x" * 1_000_000}]
    saved = [http.post(f"{BASE}/step4/persona-save", user=USER, json=draft) for draft in drafts]
    assert [answer.status for answer in saved] == [200, 200, 200, 413]
    small(http, "step4/persona-latest")
    small(http, "summary")


def test_full_steps_fit_into_every_answer(http: Client) -> None:
    """As much as each step takes; the steps' own URLs give everything."""
    for number in range(2, 6):
        room = MIB - len(json.dumps(STEP_DATA[number])) - 100
        data = {**STEP_DATA[number], "x": "x" * room}
        assert complete_step(http, USER, number, data).status == 200
        assert get(http, f"step/{number}")["data"]["x"] == data["x"]
    assert all(step["data"] for step in small(http, "init")["onboarding"]["steps"][2:5])
    shown = small(http, "progress")["steps"][1:5]
    assert len([step for step in shown if step["data"]]) == 3
    assert all((step["data"] is None) == step.get("data_too_large", False) and step["has_data"] for step in shown)
    small(http, "summary")
    pages(http)


@pytest.mark.parametrize("number", [3, 4, 5])
def test_imported_data_that_is_too_large_is_told_of_and_had_whole(
    http: Client, database: Superuser, number: int
) -> None:
    """Lists of steps say that it is there; the step itself gives it."""
    walk(http, USER, 1, 2, 3, 4, 5)
    key = {3: "research", 4: "persona", 5: "integrations"}[number]
    large = {"big": "é" * MIB}
    set_json(database, "onboarding_steps", "data", large, f"step_key = '{key}'")
    for steps in (small(http, "init")["onboarding"]["steps"], small(http, "progress")["steps"]):
        step = steps[number - 1]
        assert (step["data"], step["data_too_large"], step["has_data"]) == (None, True, True)
        assert [other["step_number"] for other in steps if other.get("data_too_large")] == [number]
    assert get(http, f"step/{number}")["data"] == large
    small(http, "summary")


@pytest.mark.parametrize(
    ("table", "column", "shown"),
    [
        ("website_analyses", "crawl_result", None),
        ("website_analyses", "writing_style", "style_analysis"),
        ("research_preferences", "writing_style", "research_preferences"),
        ("persona_data", "core_persona", "persona"),
    ],
)
def test_the_summary_fits_whatever_was_imported(
    http: Client, database: Superuser, table: str, column: str, shown: str | None
) -> None:
    """What it has no room for is null and named; the rest is there."""
    walk(http, USER, 1, 2, 3, 4, 5)
    before = get(http, "summary")
    set_json(database, table, column, {"tone": "x" * 5 * MIB})
    found = small(http, "summary")
    assert found.get("data_too_large", []) == ([shown] if shown else [])
    for name in ("style_analysis", "research_preferences", "persona", "integrations", "business_info"):
        assert (found[name] is None) if name == shown else (bool(found[name]) == bool(before[name])), name


def test_400_imported_analyses_are_listed_and_exported(http: Client, database: Superuser) -> None:
    """Page by page, each row exactly once, never too large, and a GET is never refused for what is stored."""
    walk(http, USER, 2)
    add_analyses(database, 400, 60_000)
    found = pages(http)
    urls = [row["website_url"] for page in found for row in page["website_analyses"]]
    assert (len(urls), len(set(urls))) == (401, 401)
    assert [bool(page["session"]) for page in found].count(True) == 1
    assert sum(len(page["steps"]) for page in found) == 1
    listed = small(http, LIST)
    assert len(listed["analyses"]) == 20
    assert listed["analyses"][0]["website_url"] == "https://imported.example/400"


def test_rows_larger_than_a_page_are_marked(http: Client, database: Superuser) -> None:
    """The export says where such a row can be had; those that fill a page have one of their own."""
    walk(http, USER, 1, 2, 3, 4, 5)
    add_analyses(database, 3, 3_000_000)
    set_json(database, "persona_data", "core_persona", {"identity": {"x": "x" * 5 * MIB}})
    set_json(database, "onboarding_steps", "data", {"x": "x" * 5 * MIB}, "step_key = 'integrations'")
    found = pages(http)
    analyses = [[row["website_url"][-1] for row in page["website_analyses"]] for page in found]
    assert sorted(place for page in analyses for place in page if place in "123") == ["1", "2", "3"]
    assert max(len([place for place in page if place in "123"]) for page in analyses) == 1
    persona = next(page["persona"] for page in found if page["persona"])
    assert (persona["data_too_large"], persona["whole_at"]) == (True, f"{BASE}/step4/persona-latest")
    step = next(row for page in found for row in page["steps"] if row["step_key"] == "integrations")
    assert (step["data_too_large"], step["whole_at"]) == (True, f"{BASE}/step/5")
    assert get(http, "step/5")["data"] == {"x": "x" * 5 * MIB}


@pytest.mark.parametrize("bytes_each", [100, 250_000, 3_000_000])
def test_the_list_of_analyses_is_paged(http: Client, database: Superuser, bytes_each: int) -> None:
    """Newest first, every analysis once; one that is too large for the list says so."""
    http.post(f"{BASE}/start", user=USER)
    count = 25 if bytes_each > MIB else 45
    add_analyses(database, count, bytes_each, "writing_style")
    found, page = [], small(http, LIST)
    while page["next"]:
        found += page["analyses"]
        page = small(http, f"{LIST}?limit=20&before={page['next']}")
    found += page["analyses"]
    assert [row["website_url"] for row in found] == [f"https://imported.example/{n}" for n in range(count, 0, -1)]
    is_large = bytes_each > MIB
    assert all(row.get("data_too_large", False) == is_large and "crawl_result" not in row for row in found)
    assert all((row["style_analysis"] is None) == is_large for row in found)


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        *[(f"{LIST}?limit={value}", "limit") for value in ("0", "101", "x", "-1", "1.5", "%D9%A3")],
        *[(f"{LIST}?before={value}", "before") for value in ("x", "0", "9" * 20, "-1", "12345")],
        *[(f"export?after={value}", "after") for value in ("x", "W10", "WyJhIiwiYiJd", "%00", "%C3%A9", "WzUsNV0")],
    ],
)
def test_400_for_a_bad_parameter(http: Client, path: str, parameter: str) -> None:
    """It is named."""
    refused = http.get(f"{BASE}/{path}", user=USER)
    assert refused.status == 400, refused.text
    assert parameter in refused.json()["detail"]


def is_limit(response: Response, words: str) -> None:
    assert response.status == 422, response.text[:500]
    problem = response.json()
    assert (problem["code"], words in problem["detail"]) == ("limit_reached", True)


def save_website(http: Client, number: int, **analysis: Any) -> Response:
    return complete_step(http, USER, 2, {"website": f"https://imported.example/{number}", "analysis": analysis})


def test_200_websites_a_user(http: Client, database: Superuser) -> None:
    """The 201st is refused with what to do; replacing one goes on, and deleting one makes room."""
    http.post(f"{BASE}/start", user=USER)
    add_analyses(database, 199, 10)
    assert save_website(http, 200).status == 200
    assert complete_step(http, USER, 2, {"website": None, "businessData": {"industry": "Food"}}).status == 200
    before = contents(database)
    is_limit(save_website(http, 201), "200")
    assert contents(database) == before
    assert save_website(http, 7, writing_style={"tone": "new"}).status == 200
    number = get(http, "website-analysis")["analysis_id"]
    assert http.delete(f"{BASE}/style-detection/analysis/{number}", user=USER).status == 204
    assert save_website(http, 201).status == 200
    assert complete_step(http, "user_2other", 2, {"website": "https://a.example"}).status == 200


def test_the_last_place_is_given_once(http: Client, database: Superuser) -> None:
    """Of 12 websites saved at once at 195, exactly five are."""
    http.post(f"{BASE}/start", user=USER)
    add_analyses(database, 195, 10)
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda number: save_website(http, number).status, range(1000, 1012)))
    assert (answers.count(200), answers.count(422)) == (5, 7)


def test_more_than_the_limit_in_all_is_refused(http: Client, database: Superuser) -> None:
    """Whatever would add to it; reading, deleting and a reset go on, and make room."""
    http.post(f"{BASE}/start", user=USER)
    add_analyses(database, 16, 2 * MIB)
    before = contents(database)
    for response in (
        save_website(http, 1000, crawl_result="x" * 10),
        complete_step(http, USER, 5, {"email": "a@example.com"}),
        http.post(f"{BASE}/step4/persona-save", user=USER, json={"core_persona": {}}),
    ):
        is_limit(response, "32 MiB")
    assert contents(database) == before
    assert http.post(f"{BASE}/reset", user=USER).status == 200
    number = get(http, "website-analysis")["analysis_id"]
    assert http.delete(f"{BASE}/style-detection/analysis/{number}", user=USER).status == 204
    assert complete_step(http, USER, 5, {"email": "a@example.com"}).status == 200
    assert http.post(f"{BASE}/reset?hard=true", user=USER).status == 200


def test_a_paid_generation_is_stored_as_far_as_it_fits(http: Client, ai_backend: StubBackend) -> None:
    """What is too large is left out, and the page gets the whole answer all the same."""
    large, kept = "x" * MIB, {"tone": "Warm"}
    answers: dict[str, dict[str, Any]] = {
        "style-detection/complete": {"style_analysis": {"writing_style": kept, "content_type": large}},
        "step3/discover-competitors": {"competitors": [large], "research_summary": kept},
        "step3/analyze-sitemap": {"pages": [large], "count": 7},
        "step4/generate-personas": {"core_persona": {"identity": kept}, "platform_personas": {"x": large}},
    }
    for path, answer in answers.items():
        told = Told.json({"success": True, **answer})
        ai_backend.answers[f"POST {BASE}/{path}"] = told
        response = http.post(f"{BASE}/{path}", user=USER, json={"url": "https://a.example"})
        assert (response.status, response.body) == (200, told.body)
    assert get(http, "website-analysis")["style_analysis"]["writing_style"] == kept
    assert get(http, "step/3")["draft"]["data"]["researchSummary"] == kept
    assert get(http, "step/3")["draft"]["data"]["sitemapAnalysis"]["count"] == 7
    assert get(http, "step4/persona-latest")["persona"]["core_persona"] == {"identity": kept}
