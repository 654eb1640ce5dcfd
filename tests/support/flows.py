"""Which steps the page shows: the deployment's setting, changed for one test."""

from __future__ import annotations

import pytest

from lib import bootstrap


def use_flow(monkeypatch: pytest.MonkeyPatch, flow: str) -> None:
    """Serve the six-step or the five-step page from now on."""
    monkeypatch.setenv("ONBOARDING_FLOW", flow)
    bootstrap.reset()
