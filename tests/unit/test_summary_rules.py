from typing import Any

import pytest

from lib.steps.summary import capabilities, data_sufficiency, personalization_settings, readiness, style_analysis

ANALYSIS: dict[str, Any] = {
    "writing_style": {
        "tone": "a",
        "voice": "b",
        "complexity": "c",
        "brand_personality": "d",
        "formality_level": "e",
        "emotional_appeal": "f",
    },
    "content_characteristics": {
        "sentence_structure": "a",
        "vocabulary_level": "b",
        "readability_score": "c",
        "content_flow": "d",
        "visual_elements_usage": "e",
    },
    "target_audience": {
        "demographics": ["a"],
        "expertise_level": "b",
        "industry_focus": "c",
        "psychographic_profile": "d",
        "pain_points": ["e"],
    },
    "content_type": {"primary_type": "a", "purpose": "b", "call_to_action": "c"},
    "style_patterns": {"a": 1},
}
PREFERENCES = {"research_depth": "Basic", "content_types": ["blog"], "auto_research": False, "factual_content": None}
CORE = {
    "linguistic_fingerprint": {"tone": "Steady"},
    "tonal_range": {"primary_tone": "Warm", "default_tone": "calm"},
    "identity": {"voice": "Patient expert"},
}


def _settings(persona: Any = None, preferences: Any = None, analysis: Any = None) -> tuple[str, ...]:
    found = personalization_settings(persona, preferences, analysis)
    assert found is not None
    return (found["writing_style"], found["tone"], found["brand_voice"])


def test_everything_known_is_100_and_nothing_is_0() -> None:
    """The points of the contract add up."""
    assert data_sufficiency(ANALYSIS, PREFERENCES) == 100.0
    assert data_sufficiency(None, None) == 0.0


@pytest.mark.parametrize(
    ("column", "lost"),
    [
        ("writing_style", 25),
        ("content_characteristics", 20),
        ("target_audience", 15),
        ("content_type", 15),
        ("style_patterns", 10),
    ],
)
def test_each_part_of_the_analysis_has_its_points(column: str, lost: int) -> None:
    """Without the part, exactly its points are gone."""
    assert data_sufficiency({**ANALYSIS, column: None}, PREFERENCES) == 100.0 - lost


@pytest.mark.parametrize(("name", "points"), [("tone", 5), ("complexity", 0)])
def test_each_field_counts_by_itself(name: str, points: int) -> None:
    """A field of the style that the contract does not count costs nothing."""
    style = {key: value for key, value in ANALYSIS["writing_style"].items() if key != name}
    assert data_sufficiency({**ANALYSIS, "writing_style": style}, PREFERENCES) == 100.0 - points


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"research_depth": None}, 10.0),
        ({"content_types": []}, 10.0),
        ({"auto_research": None}, 10.0),
        ({"auto_research": None, "factual_content": False}, 15.0),
    ],
)
def test_research_preferences_count_when_given(change: dict[str, Any], expected: float) -> None:
    """A switch that was set to false was given all the same."""
    assert data_sufficiency(None, {**PREFERENCES, **change}) == expected


def test_style_guidelines_stand_in_for_patterns() -> None:
    """Either of the two gives the ten points."""
    assert data_sufficiency({"style_guidelines": {"a": 1}}, None) == 10.0


@pytest.mark.parametrize(("sufficiency", "ready"), [(49.0, False), (50.0, True)])
def test_a_persona_is_ready_from_50(sufficiency: float, ready: bool) -> None:
    """Both flags follow the number."""
    assert readiness(sufficiency) == {"ready": ready, "data_sufficiency": sufficiency, "can_generate": ready}


def test_personalization_comes_from_the_persona_first() -> None:
    """Then from the research preferences, then from the website."""
    style = {"writing_style": {"tone": "t", "voice": "v", "complexity": "c"}}
    persona = {"core_persona": CORE}
    assert _settings(persona, style, ANALYSIS) == ("Steady", "Warm", "Patient expert")
    assert _settings(None, style, ANALYSIS) == ("t", "v", "c")
    assert _settings(None, {"writing_style": None}, ANALYSIS) == ("a", "b", "c")


def test_the_default_tone_stands_in_for_the_primary_one() -> None:
    """The persona's own fallback comes before the defaults."""
    core = {**CORE, "tonal_range": {"default_tone": "calm"}}
    assert _settings({"core_persona": core})[1] == "calm"


def test_missing_values_get_the_defaults() -> None:
    """Where something is stored that says nothing of style."""
    assert _settings(None, {"writing_style": None}) == ("Professional", "Formal", "Trustworthy and Expert")
    assert _settings({"core_persona": {"identity": {"voice": "V"}}}) == ("Professional", "Formal", "V")
    assert personalization_settings(None, None, None) is None


@pytest.mark.parametrize("odd", ["text", 5, ["a"], True])
def test_stored_values_of_any_type_are_no_error(odd: Any) -> None:
    """The page shows whatever is there."""
    analysis = dict.fromkeys(ANALYSIS, odd)
    assert data_sufficiency(analysis, None) >= 0
    assert _settings({"core_persona": odd}, {"writing_style": odd}, analysis)


def test_style_analysis_has_its_seven_fields() -> None:
    """Missing ones are null; without an analysis there is none."""
    found = style_analysis(ANALYSIS)
    assert found is not None
    assert len(found) == 7
    assert found["brand_analysis"] is None
    assert style_analysis(None) is None


def test_capabilities_are_booleans_of_what_is_there() -> None:
    """Nothing stored means that nothing can be done; an AI key is one of the four providers'."""
    assert not any(capabilities({}, None, None, None, {}).values())
    assert all(capabilities({"gemini": "x"}, ANALYSIS, PREFERENCES, {"core_persona": CORE}, {"a": 1}).values())
    assert capabilities({"exa": "x"}, None, None, None, {})["ai_content"] is False
