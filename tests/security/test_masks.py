"""Masked keys that are sent back, and stored keys that are named elsewhere."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dev.harness.client import Client, Response
from dev.harness.wizard import EXA, GEMINI, complete_step
from lib.errors import InvalidData
from lib.steps.api_keys import masked
from lib.steps.named_keys import could_name_keys, refuse_named_keys
from tests.support.inspection import Superuser, contents

USER = "user_2masks"
BASE = "/api/onboarding"
OPENAI = "sk-proj-stored0123456789"


def save(http: Client, provider: str, key: str, **others: Any) -> Response:
    return http.post(f"{BASE}/api-keys", user=USER, json={"provider": provider, "api_key": key, **others})


def stored(http: Client) -> Any:
    return http.get(f"{BASE}/api-keys/onboarding", user=USER).json()["api_keys"]


def refusals(response: Response) -> list[tuple[str, str]]:
    assert response.status == 422, response.text
    return [(error["field"], error["code"]) for error in response.json()["errors"]]


def test_the_mask_of_the_stored_key_means_unchanged(http: Client, database: Superuser) -> None:
    """Whichever call sends it; and nothing is written."""
    save(http, "openai", OPENAI)
    before = contents(database)
    assert save(http, "openai", f" {masked(OPENAI)} ").json()["status"] == "saved"
    assert contents(database) == before
    sent = {"api_keys": {"openai": masked(OPENAI), "gemini": GEMINI}}
    assert complete_step(http, USER, 1, sent).status == 200
    assert stored(http) == {"openai": OPENAI, "gemini": GEMINI}


@pytest.mark.parametrize("value", ["…", "a…b", "sk-p…9999", masked(GEMINI), "sk-p…6789…", "sk-proj-…0123456789"])
def test_any_other_value_with_the_mask_s_character_is_refused(http: Client, value: str) -> None:
    """It is nobody's key, so it replaces none and is never called saved; with and without a stored key."""
    for _ in range(2):
        before = stored(http)
        assert refusals(save(http, "openai", value)) == [("api_key", "masked_key")]
        sent = {"api_keys": {"openai": value, "mistral": "fine"}}
        assert refusals(complete_step(http, USER, 1, sent)) == [("data.api_keys.openai", "masked_key")]
        assert stored(http) == before
        save(http, "openai", OPENAI)


def test_a_mask_is_no_key_of_another_provider(http: Client) -> None:
    """The mask of one provider's key says nothing about another one's."""
    save(http, "gemini", GEMINI)
    assert refusals(save(http, "openai", masked(GEMINI))) == [("api_key", "masked_key")]


def test_a_key_deleted_meanwhile_is_not_called_unchanged(http: Client) -> None:
    """Between reading the keys and writing the step somebody deletes or replaces the key: refused, nothing stored."""
    from lib.db import api_keys

    for change in (lambda: http.delete(f"{BASE}/api-keys/openai", user=USER), lambda: save(http, "openai", "sk-new")):
        save(http, "openai", OPENAI)
        save(http, "mistral", "fine")
        read = api_keys.read

        def read_then_change(*arguments: Any, change: Any = change, read: Any = read) -> Any:
            found = read(*arguments)
            thread = threading.Thread(target=change)
            thread.start()
            thread.join()
            return found

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(api_keys, "read", read_then_change)
            sent = {"api_keys": {"openai": masked(OPENAI), "gemini": GEMINI}}
            assert refusals(complete_step(http, USER, 1, sent)) == [("data.api_keys", "masked_key")]
        assert "gemini" not in stored(http)


@pytest.mark.parametrize(
    ("others", "field"),
    [
        ({"description": f"the old one was {OPENAI}."}, "description"),
        ({"description": OPENAI}, "description"),
        ({"notes": {"list": ["x", {"inner": f"a{OPENAI}b"}]}}, "notes.list.1.inner"),
        ({"notes": {OPENAI: 1}}, f"notes.{masked(OPENAI)}"),
    ],
)
def test_a_stored_key_named_elsewhere_is_refused(
    http: Client, database: Superuser, others: dict[str, Any], field: str
) -> None:
    """In any other field, whichever call brings it; the answer names the place without the key."""
    save(http, "openai", OPENAI)
    before = contents(database)
    refused = save(http, "exa", EXA, **others)
    assert refusals(refused) == [(field, "contains_key")]
    assert OPENAI not in refused.text
    sent = {"api_keys": {"exa": EXA}, **others}
    assert refusals(complete_step(http, USER, 1, sent)) == [(f"data.{field}", "contains_key")]
    assert contents(database) == before


def test_the_key_just_sent_is_masked_in_the_other_fields(http: Client) -> None:
    """Also when the same key is stored already."""
    for _ in range(2):
        assert save(http, "openai", OPENAI, description=f"mine is {OPENAI}").status == 200
    details = http.get(f"{BASE}/export", user=USER).json()["api_keys"][0]["details"]
    assert details == {"description": f"mine is {masked(OPENAI)}"}


@pytest.mark.parametrize("words", ["gemini key", "copilotkit key", "Production, for now.", "日本語の鍵です", ""])
def test_words_alone_need_no_look_at_the_keys(words: str) -> None:
    """What the page sends with each letter of a key costs no second round trip."""
    assert not could_name_keys({"description": words})


_KEYS = st.text("abcXYZ019-_.", min_size=8, max_size=40).filter(lambda key: not key.rstrip(".").isalpha())


@given(_KEYS, st.text(max_size=20), st.text(max_size=20))
def test_a_named_key_is_found_wherever_it_stands(key: str, before: str, after: str) -> None:
    """No text around it hides it."""
    fields = {"a": [{"b": f"{before}{key}{after}"}]}
    assert could_name_keys(fields)
    with pytest.raises(InvalidData):
        refuse_named_keys(fields, [key])
