"""Which numbers count as written out many times larger than they were sent."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.db import json_values
from lib.db.json_values import jsonb_or_null, writes_out_too_many_digits
from lib.errors import InvalidData
from lib.json_text import dumps

_LIKE_NUMBERS = st.sampled_from(["1e+300", "2e-99", ',1e+200,"', '\\"', "\\", '"', "7e+12", "a", "[1e+308]", "\n"])
_TEXTS = st.lists(_LIKE_NUMBERS | st.text(max_size=3), max_size=6).map("".join)
_NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.sampled_from([1e300, 5e-324, -1e-7])
_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _TEXTS,
    lambda children: st.lists(children) | st.dictionaries(_TEXTS, children),
    max_leaves=30,
)


def _sum_of_exponents(encoded: str) -> int:
    """The slow way: the JSON parser says what is a number."""
    exponents: list[int] = []

    def note(literal: str) -> float:
        if "e" in literal:
            exponents.append(abs(int(literal.split("e")[1])))
        return float(literal)

    json.loads(encoded, parse_float=note)
    return sum(exponents)


@given(_VALUES, st.integers(min_value=0, max_value=2000))
def test_the_exponents_of_numbers_count_and_nothing_else(value: Any, limit: int) -> None:
    """The patterns say what the parser says, whatever strings and names hold."""
    encoded = dumps(value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_values, "MAX_DIGITS_WRITTEN_OUT", limit)
        assert writes_out_too_many_digits(encoded) == (_sum_of_exponents(encoded) > limit)


def test_hashes_and_numbers_in_strings_are_text() -> None:
    """A crawl of a megabyte of SHA-256, and one of 1e400 in words, are stored like any other text."""
    hashes = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(15_000)]
    for value in (hashes, ["1e400"] * 100_000, ["1e+400"] * 100_000, {"1e+999" * 20_000: "e+999" * 200_000}):
        assert jsonb_or_null("crawl_result", value) == dumps(value)


def test_real_exponents_are_refused() -> None:
    """The guard itself stands: 20,000 numbers of 300 digits are six megabytes."""
    with pytest.raises(InvalidData, match="too many very large"):
        jsonb_or_null("crawl_result", ["text", *[1e300] * 20_000])
