import time
from typing import Any

import pytest

from lib.errors import InvalidData
from lib.steps.api_keys import (
    LIKE_A_SECRET,
    is_masked,
    key_problem,
    masked,
    refuse_other_masks,
    submitted_key,
    submitted_keys,
)

GEMINI = "AIza" + "x" * 35
EXA = "6287cced-9041-dff0-2cee-737443e21047"


def _errors_of(data: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidData) as refused:
        submitted_keys(data)
    return {error.field: error.message for error in refused.value.errors}


@pytest.mark.parametrize(
    ("key", "expected"),
    [("AIza123456789", "AIza…6789"), ("123456789012", "1234…9012"), ("12345678901", "…"), ("a", "…")],
)
def test_masking_keeps_the_first_and_last_four_characters(key: str, expected: str) -> None:
    """A key under 12 characters shows nothing at all."""
    assert masked(key) == expected
    assert is_masked(expected)


@pytest.mark.parametrize("key", [GEMINI, EXA, ""])
def test_a_real_key_is_not_taken_for_a_masked_one(key: str) -> None:
    """No provider's key has the character in it that a mask has."""
    assert not is_masked(key)


@pytest.mark.parametrize("mask", ["…", "a…b", "AIza…more than four", "AIza…yyyy", "AIza……xxxx"])
def test_only_the_stored_key_s_own_mask_means_unchanged(mask: str) -> None:
    """Any other value with a `…` is refused by its field, and so is a mask where nothing is stored."""
    refuse_other_masks({"gemini": masked(GEMINI)}, {"gemini": GEMINI}, str)
    for stored in ({"gemini": GEMINI}, {"exa": GEMINI}, {}):
        with pytest.raises(InvalidData) as refused:
            refuse_other_masks({"gemini": mask}, stored, lambda provider: f"keys.{provider}")
        assert [(error.field, error.code) for error in refused.value.errors] == [("keys.gemini", "masked_key")]


def test_metaphor_is_exa() -> None:
    """The old name stores the same provider's key; the new name wins where both are sent."""
    other = EXA.replace("6", "7")
    assert submitted_keys({"api_keys": {"metaphor": EXA}}).keys == {"exa": EXA}
    assert submitted_keys({"api_keys": {"exa": EXA, "metaphor": other}}).keys == {"exa": EXA}
    assert submitted_keys({"api_keys": {"metaphor": other, "exa": EXA}}).keys == {"exa": EXA}


def test_keys_are_trimmed_before_they_are_validated() -> None:
    """White space around a pasted key is nobody's intention."""
    assert submitted_keys({"api_keys": {"gemini": f"  {GEMINI}\n"}}).keys == {"gemini": GEMINI}


@pytest.mark.parametrize("value", ["", "   ", None, "AIza…2X2X", "…"])
def test_an_empty_or_masked_value_leaves_its_provider_as_it_is(value: str | None) -> None:
    """Such a value is neither stored nor refused."""
    assert submitted_keys({"api_keys": {"gemini": value}}).keys == {}


@pytest.mark.parametrize(
    ("provider", "key"),
    [
        ("gemini", "sk-123"),
        ("exa", "not-a-uuid"),
        ("exa", EXA + "0"),
        ("copilotkit", "pub_123"),
        ("openai", "has a space"),
        ("openai", "has\ttab"),
        ("openai", "bell\x07"),
        ("openai", "x" * 4097),
        ("openai", 5),
        ("openai", ["sk-1"]),
    ],
)
def test_a_key_of_the_wrong_shape_is_refused_and_its_provider_named(provider: str, key: object) -> None:
    """The error says where, and never repeats the key."""
    errors = _errors_of({"api_keys": {provider: key}})
    assert list(errors) == [f"data.api_keys.{provider}"]
    assert str(key) not in errors[f"data.api_keys.{provider}"]


def test_every_wrong_key_is_named_at_once() -> None:
    """A person corrects all of them in one go."""
    assert set(_errors_of({"api_keys": {"gemini": "x", "exa": "y", "openai": "fine"}})) == {
        "data.api_keys.gemini",
        "data.api_keys.exa",
    }


@pytest.mark.parametrize("key", ["x", "x" * 4096, EXA])
def test_other_providers_take_any_printable_key(key: str) -> None:
    """1 to 4096 characters, no format."""
    assert key_problem("openai", key) is None


def test_an_unknown_provider_is_refused_without_showing_a_key_in_its_place() -> None:
    """A name and a value that were swapped do not put the key into an error."""
    assert list(_errors_of({"api_keys": {"cohere": "x"}})) == ["data.api_keys.cohere"]
    assert GEMINI not in str(_errors_of({"api_keys": {GEMINI: "gemini"}}))


@pytest.mark.parametrize("data", [{}, {"api_keys": None}, {"api_keys": ["x"]}, {"api_keys": "AIza"}])
def test_api_keys_has_to_be_an_object(data: dict[str, Any]) -> None:
    """Any other type is named."""
    assert list(_errors_of(data)) == ["data.api_keys"]


def test_what_else_was_sent_is_kept_free_of_the_keys() -> None:
    """A key repeated in another field is masked there, in names and in lists too."""
    data = {"api_keys": {"gemini": GEMINI}, "note": f"mine is {GEMINI}", "list": [{GEMINI: 1}], "count": 2}
    others = submitted_keys(data).other_fields
    assert others == {"note": "mine is AIza…xxxx", "list": [{"AIza…xxxx": 1}], "count": 2}


def test_a_single_key_is_validated_like_the_step_s() -> None:
    """Provider and key each have their own field in an error."""
    assert submitted_key("Metaphor", f" {EXA} ") == ("exa", EXA)
    assert submitted_key("exa", " 6287…1047 ") == ("exa", "6287…1047")
    for provider, key, field in [("nobody", "x", "provider"), (5, "x", "provider"), ("exa", "", "api_key")]:
        with pytest.raises(InvalidData) as refused:
            submitted_key(provider, key)
        assert [error.field for error in refused.value.errors] == [field]


@pytest.mark.parametrize("piece", ["a", "a-", "_", "fc-", "eyJ", "sk_", "Bearer "])
def test_masking_reads_a_long_text_once(piece: str) -> None:
    """Eight times the text takes about eight times as long, not sixty-four: one long word of a user stops nobody."""

    def seconds(characters: int) -> float:
        text = piece * (characters // len(piece))
        began = time.process_time()
        LIKE_A_SECRET.sub("", text)
        return time.process_time() - began

    assert min(seconds(160_000) for _ in range(3)) < 30 * max(min(seconds(20_000) for _ in range(3)), 0.0001)
