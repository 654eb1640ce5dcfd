from __future__ import annotations

import re

import pytest

from dev.settings import ROOT

PIN = re.compile(r"^([a-z0-9._-]+(?:\[[a-z,]+\])?)==(\S+)", re.MULTILINE)


@pytest.mark.parametrize("name", ["requirements", "requirements-migrate", "requirements-dev"])
def test_every_package_is_installed_by_hash(name: str) -> None:
    """Transitive ones too: a package that was changed at its registry is refused."""
    compiled = (ROOT / f"{name}.txt").read_text()
    entries = re.split(r"\n(?=\S)", re.sub(r"^#.*\n|^ +#.*\n", "", compiled, flags=re.MULTILINE))
    assert len(entries) > 20
    assert [entry.split()[0] for entry in entries if entry.strip() and "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("name", ["requirements", "requirements-migrate", "requirements-dev"])
def test_what_is_installed_is_what_is_pinned(name: str) -> None:
    """Whoever changes a pin and forgets `make lock` is told."""
    pinned = dict(PIN.findall((ROOT / f"{name}.in").read_text()))
    compiled = dict(PIN.findall((ROOT / f"{name}.txt").read_text()))
    assert pinned
    assert {package: compiled.get(package) for package in pinned} == pinned


def test_all_three_agree_on_versions() -> None:
    """The tests run with what is deployed."""
    deployed, tested = (
        dict(PIN.findall((ROOT / f"{name}.txt").read_text())) for name in ("requirements", "requirements-dev")
    )
    assert {package: tested.get(package) for package in deployed} == deployed
