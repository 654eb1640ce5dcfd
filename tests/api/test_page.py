"""The wizard's own page reaches the end: the recorded sequence, over HTTP, with a stub of the AI backend."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from dev.harness.client import Client
from dev.harness.wizard import BUSINESS, GEMINI
from tests.support.ai_backend import ANALYSIS, PERSONA, StubBackend
from tests.support.flows import use_flow
from tests.support.page import (
    BUSINESS_INFO,
    KEYS_LETTER_BY_LETTER,
    Stages,
    assert_done,
    five_steps,
    read,
    resumes,
    send,
    six_steps,
)

pytestmark = pytest.mark.usefixtures("ai_backend")

USER = "user_2page"


def test_a_user_with_a_website_gets_to_the_end(http: Client) -> None:
    """Without ever sending step 1 or, for a website, step 2."""
    send(http, USER, six_steps())
    assert_done(http, USER)
    assert read(http, USER, "summary")["style_analysis"]["brand_analysis"] == {"brand_voice": "Honest"}


def test_a_user_without_a_website_gets_to_the_end(http: Client) -> None:
    """What was told of the business is in step 2 and in the summary."""
    send(http, USER, six_steps(second=BUSINESS_INFO))
    assert_done(http, USER, site=None)
    assert read(http, USER, "summary")["business_info"] == BUSINESS
    assert read(http, USER, "step/2")["data"]["businessData"] == BUSINESS


def test_a_key_typed_letter_by_letter_is_stored_as_it_ends(http: Client) -> None:
    """The page saves at every letter; no save is refused, and the last one stands."""
    send(http, USER, six_steps(keys=KEYS_LETTER_BY_LETTER))
    assert_done(http, USER)
    assert read(http, USER, "api-keys/onboarding")["api_keys"]["gemini"] == GEMINI


@pytest.mark.parametrize(
    ("flow", "stages", "numbers"),
    [("six", six_steps(), [2, 3, 4, 5, 6]), ("five", five_steps(), [1, 2, 3, 5])],
    ids=["six", "five"],
)
def test_whoever_leaves_comes_back_to_the_step_after_the_last_one_finished(
    http: Client, monkeypatch: pytest.MonkeyPatch, flow: str, stages: Stages, numbers: list[int]
) -> None:
    """Behind each page of the wizard, in the numbers that the page uses."""
    use_flow(monkeypatch, flow)
    found = [onboarding["current_step"] for onboarding, _ in resumes(http, USER, stages)]
    assert found == numbers
    assert read(http, USER, "resume")["can_resume"] is False


def test_the_five_step_page_gets_to_the_end(http: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key, and with `step/6` for its fifth step."""
    use_flow(monkeypatch, "five")
    send(http, USER, five_steps())
    assert_done(http, USER)


def test_two_tabs_at_once_get_to_the_end(http: Client) -> None:
    """The same person has the page open twice: nothing is refused, and there is one row of everything."""
    with ThreadPoolExecutor(2) as tabs:
        for stage in six_steps():
            list(tabs.map(lambda stage: send(http, USER, [stage]), [stage, stage]))
    assert_done(http, USER)
    assert len(read(http, USER, "style-detection/session-analyses")["analyses"]) == 1


def test_a_tab_closed_before_the_answer_loses_no_generation(http: Client, ai_backend: StubBackend) -> None:
    """What was paid for is there when the person comes back: the analysis, and the drafts of steps 3 and 4."""
    *_, research, persona, _ = six_steps()
    send(http, USER, [*six_steps()[:2], research[:2], persona[:3]])
    analysis = read(http, USER, "website-analysis")
    assert analysis["crawl_result"] == ANALYSIS["crawl_result"]
    assert (read(http, USER, "step/2")["status"], read(http, USER, "step/3")["status"]) == ("completed", "in_progress")
    draft = read(http, USER, "step/3")["draft"]["data"]
    assert (draft["competitors"][0]["url"], draft["sitemapAnalysis"]["success"]) == ("https://rival.example.net", True)
    assert read(http, USER, "step4/persona-latest")["persona"]["core_persona"] == PERSONA["core_persona"]
    assert read(http, USER, "step/4")["status"] == "in_progress"
    assert read(http, USER, "status")["current_step"] == 3
