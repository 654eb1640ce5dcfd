"""A person at the pages, in a real Chromium: the reference, the problems and the wizard, whatever goes wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from dev.pages import CLIENT
from dev.settings import ROOT

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


@pytest.mark.usefixtures("outcomes")
def test_docs_picture_each_step_that_the_wizard_has(pictures: Path) -> None:
    """`make pictures` makes them anew; their pixels depend on the fonts of a machine, their number does not."""
    made = {file.name for file in pictures.iterdir()}
    assert made == {file.name for file in (ROOT / "docs" / "wizard").iterdir()}
    assert {f"step-{number}.png" for number in range(1, 7)} < made
