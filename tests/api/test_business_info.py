"""Business information: kept for the user, shown in step 2 and in the summary, and nobody else's."""

from __future__ import annotations

from typing import Any

import pytest

from dev.harness.client import Client
from dev.harness.wizard import BUSINESS, WEBSITE, complete_step
from tests.support.page import API, read

USER, OTHER = "user_2owner", "user_2other"
LONGEST = {
    "business_description": "d" * 1000,
    "industry": "i" * 100,
    "target_audience": "t" * 500,
    "business_goals": "g" * 1000,
}


def save(http: Client, user: str = USER, **changes: Any) -> Any:
    response = http.post(f"{API}/business-info", user=user, json={**BUSINESS, **changes})
    assert response.status == 200, response.text
    return response.json()


def test_it_is_given_back_with_id_user_and_times(http: Client) -> None:
    """By its id, and whoever is named as the user."""
    saved = save(http)
    assert set(saved) == {"id", "user_id", *BUSINESS, "created_at", "updated_at"}
    assert {**saved, **BUSINESS, "user_id": USER} == saved
    assert isinstance(saved["id"], int)
    for path in (f"business-info/{saved['id']}", "business-info/user/1", f"business-info/user/{OTHER}"):
        assert read(http, USER, path) == saved


def test_the_page_leaves_api_out_of_the_url(http: Client) -> None:
    """Each request works under /onboarding too."""
    saved = http.post("/onboarding/business-info", user=USER, json=BUSINESS).json()
    path = f"/onboarding/business-info/{saved['id']}"
    assert http.request("PUT", path, user=USER, json={**BUSINESS, "industry": "Bread"}).status == 200
    assert http.get(path, user=USER).json()["industry"] == "Bread"
    assert http.get("/onboarding/business-info/user/7", user=USER).json()["industry"] == "Bread"


def test_a_second_one_replaces_the_first(http: Client) -> None:
    """There is one a user, under the same id; a field that is left out is empty then."""
    first = save(http)
    second = http.post(f"{API}/business-info", user=USER, json={"business_description": "Only a description"}).json()
    assert (second["id"], second["created_at"], second["industry"]) == (first["id"], first["created_at"], None)
    assert read(http, USER, "export")["business_info"]["business_description"] == "Only a description"


def test_it_is_the_owners_alone(http: Client) -> None:
    """Another user's id is a 404 to read and to replace, and changes nothing."""
    saved = save(http)
    save(http, OTHER, industry="Other")
    path = f"{API}/business-info/{saved['id']}"
    assert http.get(path, user=OTHER).status == 404
    assert http.request("PUT", path, user=OTHER, json=BUSINESS).status == 404
    assert read(http, USER, "business-info/user/me") == saved
    assert read(http, OTHER, f"business-info/user/{USER}")["industry"] == "Other"


@pytest.mark.parametrize("path", ["business-info/1", "business-info/x", "business-info/user/me"])
def test_without_any_it_is_a_404(http: Client, path: str) -> None:
    """To read and to replace; replacing makes none."""
    assert http.get(f"{API}/{path}", user=USER).status == 404
    own = save(http, OTHER)["id"]
    assert http.request("PUT", f"{API}/business-info/{own}", user=USER, json=BUSINESS).status == 404
    assert http.get(f"{API}/business-info/user/me", user=USER).status == 404


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("business_description", "too short", "at least 10 characters"),
        ("business_description", " " * 20, "at least 10 characters"),
        ("business_description", "x" * 1001, "at most 1000 characters"),
        ("business_description", None, "must be a string"),
        ("industry", "x" * 101, "at most 100 characters"),
        ("target_audience", "x" * 501, "at most 500 characters"),
        ("business_goals", "x" * 1001, "at most 1000 characters"),
        ("business_goals", 7, "must be a string"),
    ],
)
def test_a_text_of_the_wrong_length_is_refused(http: Client, field: str, value: object, told: str) -> None:
    """The error names the field and what would be right, and what was stored stays."""
    saved = save(http)
    for method, path in (("POST", "business-info"), ("PUT", f"business-info/{saved['id']}")):
        refused = http.request(method, f"{API}/{path}", user=USER, json={**BUSINESS, field: value})
        assert refused.status == 422
        (error,) = refused.json()["errors"]
        assert (error["field"], told in error["message"]) == (field, True), error
    assert read(http, USER, "business-info/user/me") == saved


def test_the_longest_texts_fit(http: Client) -> None:
    """Characters count, not bytes."""
    saved = save(http, **LONGEST)
    assert {name: saved[name] for name in LONGEST} == LONGEST
    assert save(http, industry="ü" * 100)["industry"] == "ü" * 100


def test_step_2_shows_it_beside_what_the_page_sent(http: Client) -> None:
    """Whichever came first; what the page put beside the four fields stays, and numbers keep their spelling."""
    save(http)
    sent = {"website": "https://a.example", "analysis": {"n": 1e300}, "more": [1.50]}
    assert complete_step(http, USER, 2, sent).status == 200
    assert read(http, USER, "step/2")["data"] == {**sent, "businessData": BUSINESS}
    complete_step(http, USER, 2, {"website": None, "businessData": {**BUSINESS, "founded": 1e3}})
    save(http, industry="Bread")
    shown = {**BUSINESS, "industry": "Bread", "founded": 1000}
    assert read(http, USER, "step/2")["data"] == {"website": None, "businessData": shown}
    assert read(http, USER, "progress")["steps"][1]["data"]["businessData"] == shown
    assert read(http, USER, "summary")["business_info"] == {**BUSINESS, "industry": "Bread"}


def test_what_else_is_sent_is_kept(http: Client) -> None:
    """In every answer and in step 2's `businessData`; a second request replaces it, and what an answer adds is none."""
    others: dict[str, Any] = {
        "business_size": "1-10",
        "channels": ["shop", {"web": 1.5}],
        "founded": 1e300,
        "nothing": None,
    }
    saved = save(http, **others)
    assert {name: saved[name] for name in others} == {**others, "founded": 10**300}
    assert "additional_fields" not in saved
    assert read(http, USER, "business-info/user/me") == saved
    shown = read(http, USER, "step/2")["data"]["businessData"]
    assert shown == {name: saved[name] for name in (*BUSINESS, *others)}
    path = f"{API}/business-info/{saved['id']}"
    replaced = http.request("PUT", path, user=USER, json={**saved, "id": 7, "business_size": "11-50"}).json()
    assert replaced == {**saved, "business_size": "11-50", "updated_at": replaced["updated_at"]}
    assert read(http, USER, "step/2")["data"]["businessData"]["business_size"] == "11-50"
    assert read(http, USER, "export")["business_info"]["additional_fields"].keys() == others.keys()
    assert "business_size" not in save(http)


def test_what_else_is_sent_has_a_limit(http: Client) -> None:
    """64 KiB for all of it; nothing is stored beyond."""
    saved = save(http)
    response = http.post(f"{API}/business-info", user=USER, json={**BUSINESS, "more": "x" * 70_000})
    assert (response.status, response.json()["errors"][0]["field"]) == (413, "business_info")
    assert read(http, USER, "business-info/user/me") == saved


def test_completing_step_2_keeps_what_else_was_sent(http: Client) -> None:
    """The step replaces the four fields alone."""
    save(http, business_size="1-10")
    complete_step(http, USER, 2, {"website": "", "businessData": {**BUSINESS, "industry": "Bread"}})
    kept = read(http, USER, "business-info/user/me")
    assert (kept["industry"], kept["business_size"]) == ("Bread", "1-10")
    assert read(http, USER, "step/2")["data"]["businessData"]["business_size"] == "1-10"


def test_step_2_alone_keeps_it_too(http: Client) -> None:
    """The page sends it with the step; what is no text is the step's alone."""
    complete_step(http, USER, 2, {"website": "", "businessData": {**BUSINESS, "industry": ["Food"]}})
    assert read(http, USER, "business-info/user/me")["industry"] is None
    assert read(http, USER, "step/2")["data"]["businessData"]["industry"] == ["Food"]


@pytest.mark.parametrize("website", [None, ""])
@pytest.mark.parametrize("analysis", [None, {}])
def test_without_a_website_there_is_no_analysis(http: Client, website: object, analysis: object) -> None:
    """Completing step 2 finishes it, and every read says that no website was analysed."""
    save(http)
    data = {"website": website, "analysis": analysis, "businessData": BUSINESS}
    assert complete_step(http, USER, 2, data).status == 200
    assert read(http, USER, "step/2")["status"] == "completed"
    assert read(http, USER, "website-analysis") is None
    assert read(http, USER, "style-detection/session-analyses")["analyses"] == []
    assert read(http, USER, "export")["website_analyses"] == []
    summary = read(http, USER, "summary")
    assert (summary["website_url"], summary["style_analysis"], summary["business_info"]) == (None, None, BUSINESS)
    assert "website_missing" not in str(read(http, USER, "requirements"))


def test_without_a_website_earlier_analyses_stay(http: Client) -> None:
    """The current one too: it is still what is known of the user's style."""
    complete_step(http, USER, 2, WEBSITE)
    paths = ("website-analysis", "style-detection/session-analyses")
    before = [read(http, USER, path) for path in paths]
    data = {"website": None, "analysis": None, "businessData": BUSINESS}
    assert complete_step(http, USER, 2, data).status == 200
    assert [read(http, USER, path) for path in paths] == before
    assert read(http, USER, "summary")["website_url"] == WEBSITE["website"]
    assert read(http, USER, "step/2")["data"] == data


def test_an_analysis_without_a_website_is_kept(http: Client) -> None:
    """What is known of the style is shown, whatever it was found out from."""
    style = {"tone": "Warm"}
    data = {"website": "", "analysis": {"writing_style": style}, "businessData": BUSINESS}
    assert complete_step(http, USER, 2, data).status == 200
    assert read(http, USER, "website-analysis")["style_analysis"]["writing_style"] == style


def test_it_is_erased_with_the_user(http: Client) -> None:
    """A soft reset keeps it, a hard one does not."""
    save(http)
    http.post(f"{API}/reset", user=USER)
    assert read(http, USER, "summary")["business_info"] == BUSINESS
    http.post(f"{API}/reset?hard=true", user=USER)
    assert read(http, USER, "summary")["business_info"] is None
