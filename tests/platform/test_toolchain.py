from __future__ import annotations

from pathlib import Path

import pytest

from dev.harness.vercel.toolchain import find_toolchain


def test_without_node_these_tests_say_so_and_skip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A person without Node can run the suite, and is told what was left out."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="need Node"):
        find_toolchain(tmp_path / "binaries")


def test_a_skip_in_continuous_integration_is_a_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With CI=true nothing goes untested unseen."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="need Node"):
        find_toolchain(tmp_path / "binaries")
