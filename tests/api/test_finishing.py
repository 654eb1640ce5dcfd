"""A step is finished when what it needs is stored, whichever request stored it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from dev.harness.client import Client
from dev.harness.wizard import BUSINESS, COPILOTKIT, EXA, GEMINI, complete_step, walk
from tests.support.inspection import Superuser
from tests.support.page import API, read

USER, OTHER = "user_2finisher", "user_2other"


def save_key(http: Client, provider: str, key: str, user: str = USER) -> None:
    response = http.post(f"{API}/api-keys", user=user, json={"provider": provider, "api_key": key})
    assert response.status == 200, response.text


def statuses(http: Client, user: str = USER) -> list[str]:
    return [step["status"] for step in read(http, user, "progress")["steps"]]


def test_a_key_of_an_ai_provider_finishes_step_1(http: Client) -> None:
    """A key of another provider does not; the answer of `init` moves on with the key."""
    save_key(http, "exa", EXA)
    save_key(http, "copilotkit", COPILOTKIT)
    assert (statuses(http)[0], read(http, USER, "status")["current_step"]) == ("pending", 1)
    save_key(http, "gemini", GEMINI)
    assert (statuses(http)[0], read(http, USER, "status")["current_step"]) == ("completed", 2)
    assert statuses(http, OTHER)[0] == "pending"


def test_a_later_key_leaves_the_time_at_which_step_1_was_finished(http: Client) -> None:
    """The page saves a key at every letter: the step was finished by the first."""
    save_key(http, "gemini", GEMINI)
    first = read(http, USER, "step/1")["completed_at"]
    save_key(http, "gemini", GEMINI + "x")
    save_key(http, "openai", "sk-0123456789abcdef")
    assert read(http, USER, "step/1")["completed_at"] == first


def test_deleting_the_last_key_of_an_ai_provider_opens_step_1_again(http: Client) -> None:
    """One of two may go; without any the step is pending, and the session stays where it had got to."""
    save_key(http, "gemini", GEMINI)
    save_key(http, "openai", "sk-0123456789abcdef")
    save_key(http, "exa", EXA)
    http.delete(f"{API}/api-keys/openai", user=USER)
    assert statuses(http)[0] == "completed"
    http.delete(f"{API}/api-keys/gemini", user=USER)
    assert (statuses(http)[0], read(http, USER, "status")["current_step"]) == ("pending", 2)
    save_key(http, "mistral", "m" * 32)
    assert statuses(http)[0] == "completed"


def test_a_completed_onboarding_stays_completed_without_its_keys(http: Client) -> None:
    """Whoever is done and takes a key away is not sent back into the wizard."""
    walk(http, USER, 1, 2, 3)
    assert http.post(f"{API}/complete", user=USER).status == 200
    http.delete(f"{API}/api-keys/gemini", user=USER)
    assert statuses(http)[0] == "completed"
    assert read(http, USER, "status")["is_completed"] is True


def test_a_hundred_first_keys_at_once_finish_one_step(http: Client, database: Superuser) -> None:
    """One row of the key, one finished step, and no request fails."""
    keys = [f"AIza{number:035d}" for number in range(100)]
    with ThreadPoolExecutor(20) as threads:
        list(threads.map(lambda key: save_key(http, "gemini", key), keys))
    assert database.execute("SELECT count(*) FROM api_keys").fetchone() == (1,)
    rows = database.execute("SELECT step_key, status FROM onboarding_steps").fetchall()
    assert rows == [("api_keys", "completed")]
    assert read(http, USER, "api-keys/onboarding")["api_keys"]["gemini"] in keys


def test_a_refused_key_finishes_nothing(http: Client) -> None:
    """It is not stored, so it counts for nothing."""
    response = http.post(f"{API}/api-keys", user=USER, json={"provider": "gemini", "api_key": "nonsense"})
    assert response.status == 422
    assert (statuses(http)[0], read(http, USER, "status")["started_at"]) == ("pending", None)


def test_business_information_finishes_step_2(http: Client) -> None:
    """The page of a user without a website saves it before it sends step 2."""
    assert http.post(f"{API}/business-info", user=USER, json=BUSINESS).status == 200
    assert (statuses(http)[1], read(http, USER, "status")["current_step"]) == ("completed", 3)


def test_a_reset_step_is_finished_again_by_new_data_alone(http: Client) -> None:
    """What was stored stays and does not count; saving the key again does."""
    save_key(http, "gemini", GEMINI)
    http.post(f"{API}/reset", user=USER)
    assert statuses(http)[0] == "pending"
    save_key(http, "gemini", GEMINI)
    assert statuses(http)[0] == "completed"


@pytest.mark.parametrize("number", [3, 4, 5])
def test_the_later_steps_are_finished_by_completing_them(http: Client, number: int) -> None:
    """A draft alone is no finished step."""
    http.post(f"{API}/step4/persona-save", user=USER, json={"core_persona": {"identity": {}}})
    assert statuses(http)[number - 1] in {"pending", "in_progress"}
    complete_step(http, USER, number)
    assert statuses(http)[number - 1] == "completed"
