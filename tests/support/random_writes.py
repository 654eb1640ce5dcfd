"""Every write there is, by one user in any order, for what has to hold after each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from dev.harness import every_call
from dev.harness.client import Client, Response
from dev.harness.wizard import EXA, GEMINI, SAMPLES
from lib.steps.definitions import Flow
from tests.support.page import API

type Write = tuple[str, str, Any]

_MORE: list[Write] = [
    ("POST", "api-keys", {"provider": "gemini", "api_key": GEMINI}),
    ("POST", "api-keys", {"provider": "exa", "api_key": EXA}),
    *[("DELETE", f"api-keys/{provider}", ...) for provider in ("gemini", "exa", "copilotkit")],
    ("POST", "step/1/complete", {"data": {"api_keys": {"exa": EXA}}}),
    ("POST", "step/4/complete", {"data": {}}),
    ("PUT", "step/3/draft", {"data": {"other": "words"}}),
    ("POST", "style-detection/complete", {"url": "https://bakery.example.com"}),
    ("POST", "step3/discover-competitors", {}),
    ("POST", "step3/analyze-sitemap", {}),
    ("POST", "step4/generate-personas", {}),
    ("GET", "step4/persona-task/task-1", ...),
]
_CLEARING = ("reset", "reset?hard=true")
WRITES: list[Write] = [
    *[write for write in every_call.WRITES if write[1] not in _CLEARING and write[1] != "complete"],
    *_MORE,
]
FINISHING: list[Write] = [("POST", "complete", {}), *[("POST", path, {}) for path in _CLEARING]]

sequences = st.lists(st.sampled_from([*WRITES, *FINISHING]), min_size=1, max_size=14)


def required_steps(flow: Flow) -> list[Write]:
    """The writes that lead to the end, in the page's numbers."""
    return [
        ("POST", f"step/{flow.number(step)}/complete", {"data": SAMPLES[step.key]})
        for step in flow.required_before_last
    ]


@dataclass(frozen=True)
class Writer:
    """One user's requests. An id in a path becomes that of the user's own."""

    client: Client
    user: str

    def send(self, write: Write) -> Response:
        """Make one write; a refusal is fine, a failure is not."""
        method, path, body = write
        response = self.client.request(method, every_call.url(path, self.user, self.client), user=self.user, json=body)
        assert response.status < 500, f"{method} {path}: {response.text}"
        return response

    def get(self, path: str, **headers: str) -> Response:
        """Read something."""
        return self.client.get(f"{API}/{path}", user=self.user, headers=headers)
