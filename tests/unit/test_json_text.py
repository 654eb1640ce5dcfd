import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lib.json_text import JsonText, dumps

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=20,
)


@given(VALUES)
def test_plain_values_are_serialised_as_the_standard_library_does(value: Any) -> None:
    """Any JSON value survives."""
    assert json.loads(dumps(value)) == value


@given(VALUES)
def test_finished_json_is_spliced_in_as_it_stands(value: Any) -> None:
    """Anywhere inside dicts and lists, without being quoted again."""
    finished = JsonText(json.dumps(value))
    assert json.loads(dumps({"a": [finished], "b": finished})) == {"a": [value], "b": value}
