"""A person at the pages, in a real Chromium: the reference, the problems and the wizard, whatever goes wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from dev.pages import CLIENT

SCENARIOS = [
    name
    for file in ("pages.mjs", "wizard.mjs")
    for name in re.findall(r"^export async function (\w+)", (CLIENT / "browser" / file).read_text(), re.MULTILINE)
]


@pytest.mark.parametrize("name", SCENARIOS)
def test_in_a_browser(outcomes: Mapping[str, str | None], name: str) -> None:
    """Its name says what a person may rely on. No page breaks its policy, asks another host or throws an error."""
    assert outcomes[name] is None, outcomes[name]


def test_every_scenario_ran(outcomes: Mapping[str, str | None]) -> None:
    """None is left out in silence, and there are some."""
    assert sorted(outcomes) == sorted(SCENARIOS)
    assert len(SCENARIOS) > 10
