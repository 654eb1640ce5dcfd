"""What the wizard sent is what it gets back."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dev.harness.client import Client
from dev.harness.wizard import PERSONA, complete_step
from lib.steps.definitions import SIX_STEPS

VALID: dict[int, dict[str, Any]] = {
    2: {"website": "https://a.b"},
    3: {"research_depth": "Basic"},
    4: {name: PERSONA[name] for name in ("corePersona", "platformPersonas")},
    5: {},
}

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
NUMBERS = st.integers() | st.integers(-(10**300), 10**300) | st.floats(allow_nan=False, allow_infinity=False)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda children: st.lists(children) | st.dictionaries(TEXT, children),
    max_leaves=30,
)
OBJECTS = st.dictionaries(TEXT, VALUES)

# The fixtures are one user's database for all examples: each example replaces what the one before it stored.
ONE_DATABASE = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("number", VALID)
@ONE_DATABASE
@given(sent=OBJECTS)
def test_any_object_beside_valid_fields_comes_back_equal(http: Client, number: int, sent: dict[str, Any]) -> None:
    """Unicode, numbers of any size, empty names, any nesting."""
    beside = {name: value for name, value in sent.items() if name not in SIX_STEPS.steps[number - 1].fields}
    data = {**beside, **VALID[number]}
    response = complete_step(http, "user_2roundtrip", number, data)
    assert response.status == 200, response.text
    assert response.json()["data"] == data
    assert http.get(f"/api/onboarding/step/{number}", user="user_2roundtrip").json()["data"] == data


@pytest.mark.parametrize("number", VALID)
def test_an_object_of_a_megabyte_comes_back_equal(http: Client, number: int) -> None:
    """Many members, long texts and numbers that take more room written out."""
    large = {
        **{f"member {index}": [index, index / 7, 1e300, "ü" * 20] for index in range(8_000)},
        "text": "é👋" * 40_000,
    }
    data = {**large, **VALID[number]}
    assert complete_step(http, "user_2large", number, data).status == 200
    assert http.get(f"/api/onboarding/step/{number}", user="user_2large").json()["data"] == data
