"""The client of client/: its own tests, its types against openapi.json, and how much it adds to a page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from dev.node import Node, find_node
from dev.pages import CLIENT, alone, install, run

pytestmark = pytest.mark.slow

LARGEST = 6 * 1024  # bytes, compressed, beside openapi-fetch
FEWEST_TESTS = 53
LONGEST_WIZARD = 600  # lines of code, styles and page together: it is there to be copied


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    """Node.js, with the client's packages installed, while nobody else installs or builds them."""
    found = find_node()
    with alone():
        install(found)
        yield found


def test_the_clients_own_tests_pass(node: Node) -> None:
    """Retries, versions and drafts, against a real server on this machine and an IndexedDB."""
    told = run([*node.npm, "test"], node)
    assert "fail 0" in told
    found = re.search(r"pass (\d+)", told)
    assert found is not None
    assert int(found[1]) >= FEWEST_TESTS


def test_client_and_wizard_fit_the_api_as_it_is_described(node: Node) -> None:
    """TypeScript, as strict as it gets, finds nothing, and what is published is complete."""
    run([*node.npm, "run", "build"], node)
    run([*node.npm, "run", "check"], node)
    manifest = json.loads((CLIENT / "package.json").read_text())
    for entry in manifest["exports"].values():
        for file in entry.values():
            assert (CLIENT / file).is_file(), file
    assert (CLIENT / "dist" / "schema.d.ts").is_file()


def test_the_client_is_small(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    """It may not outgrow what it saves its user from writing."""
    size = int(run([*node.node, "size.mjs"], node))
    with capsys.disabled():
        print(f"\nthe client: {size} bytes beside openapi-fetch, at most {LARGEST}")  # noqa: T201 - to be seen in every run
    assert size <= LARGEST


def test_the_wizard_is_short_enough_to_be_copied() -> None:
    """It is the example that people start from."""
    files = [file for file in (CLIENT / "wizard").iterdir() if file.is_file()]
    assert {file.suffix for file in files} == {".css", ".html", ".tsx"}
    assert sum(len(file.read_text().splitlines()) for file in files) < LONGEST_WIZARD
