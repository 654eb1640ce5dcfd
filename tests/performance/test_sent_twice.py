"""A list of statements that is sent again after its commit finds its own work: no second version, event or refusal."""

from __future__ import annotations

from dev.harness.client import Client
from dev.harness.wire import Wire

USER = "user_2twice"
BASE = "/api/onboarding"


def events(calls: Client) -> int:
    """How much happened."""
    return len(calls.get(f"{BASE}/history?limit=100", user=USER).json()["events"])


def test_a_conditional_write_is_not_refused_for_its_own_first_attempt(calls: Client, line: Wire) -> None:
    """The connection breaks behind the commit: the draft is there, with one version more."""
    calls.get(f"{BASE}/status", user=USER)
    line.cut_after("down", 1)
    draft, untouched = {"data": {"a": 1}}, {"If-Match": '"0"'}
    answer = calls.request("PUT", f"{BASE}/step/3/draft", user=USER, json=draft, headers=untouched)
    line.mend()
    assert (answer.status, answer.headers["ETag"]) == (200, '"1"')
    again = calls.request("PUT", f"{BASE}/step/3/draft", user=USER, json=draft, headers=untouched)
    assert (again.status, again.json()["current_version"]) == (412, 1)


def test_what_happened_is_told_once(calls: Client, line: Wire) -> None:
    """A saved key is one event, whichever answer was lost."""
    calls.post(f"{BASE}/start", user=USER, json={})
    before = events(calls)
    line.cut_after("down", 1)
    key = {"provider": "copilotkit", "api_key": "ck_pub_0123456789abcdef"}
    assert calls.post(f"{BASE}/api-keys", user=USER, json=key).status == 200
    line.mend()
    assert events(calls) == before + 1
