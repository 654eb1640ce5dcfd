"""`make demo`: a new user goes through every step over HTTP, and sees the summary.

The running development server is used when there is one, else a server of the demo's own on a free port.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import secrets
import shutil
import signal
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

if __name__ == "__main__":  # the imports below take seconds: until main, Ctrl-C ends us without a traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from dev.database import migrated_development_database
from dev.harness.wizard import SAMPLES
from dev.local_postgres import LocalPostgresError
from dev.server import listen, serving_child
from dev.settings import (
    KeyFolderError,
    chosen_port,
    development_environment,
    development_key,
    session_claims,
    without_settings,
)
from dev.stopping import INTERRUPTED, interrupt_on_stop_signals
from lib.steps.definitions import API_KEYS, INTEGRATIONS, PERSONA, RESEARCH, STEPS, StepDefinition
from lib.steps.definitions import WEBSITE as WEBSITE_STEP

WEBSITE = "https://bakery.example.com"
STYLE = {
    "writing_style": {"tone": "Warm", "voice": "First person plural", "complexity": "Simple"},
    "content_characteristics": {"sentence_structure": "Short", "vocabulary_level": "Everyday"},
    "target_audience": {"demographics": ["Home bakers"], "expertise_level": "Beginner", "industry_focus": "Food"},
    "content_type": {"primary_type": "Blog", "purpose": "Teach", "call_to_action": "Visit the shop"},
    "recommended_settings": {"writing_tone": "Friendly", "creativity_level": "Medium"},
}
# By the step's key. A step without an entry here is sent the tests' sample of it.
DATA: Mapping[str, dict[str, Any]] = {
    **SAMPLES,
    API_KEYS.key: {
        "api_keys": {
            "gemini": f"AIza{secrets.token_urlsafe(26)}",
            "exa": "3f6a1c52-8a0e-4a4b-9d53-0c7f5b1e2a90",
            "copilotkit": f"ck_pub_{secrets.token_hex(16)}",
        }
    },
    WEBSITE_STEP.key: {
        "website": WEBSITE,
        "domainName": "bakery.example.com",
        "analysis": STYLE,
        "useAnalysisForGenAI": True,
    },
    RESEARCH.key: {
        "research_depth": "Comprehensive",
        "content_types": ["Blog posts", "Recipes"],
        "auto_research": True,
        "factual_content": True,
        "competitors": [{"name": "Other Bakery", "url": "https://other.example.com"}],
    },
    PERSONA.key: {
        "corePersona": {
            "identity": {"persona_name": "The Patient Baker", "voice": "Encouraging"},
            "linguistic_fingerprint": {"tone": "Warm"},
            "tonal_range": {"primary_tone": "Friendly"},
        },
        "platformPersonas": {"linkedin": {"style": "Professional"}, "instagram": {"style": "Playful"}},
        "qualityMetrics": {"overall_score": 92},
        "selectedPlatforms": ["linkedin", "instagram"],
    },
    INTEGRATIONS.key: {"connectedPlatforms": ["wix", "gsc"], "primaryWebsite": WEBSITE, "email": "baker@example.com"},
}
LABEL = 24
NARROWEST, WIDEST = 60, 120


class DemoError(Exception):
    """The server gave an unexpected response. The message is one line."""


@dataclass(frozen=True)
class Caller:
    """Calls a local server for one user."""

    port: int
    user: str

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Send one request and return the JSON of its answer. Raises DemoError unless it is a 200."""
        status, text = self.send(method, path, body)
        if status != http.client.OK:
            raise DemoError(f"{method} {path} was answered with {status}: {text}")
        return json.loads(text)

    def send(self, method: str, path: str, body: object = None) -> tuple[int, str]:
        """Send one request and return status and text."""
        token = development_key().sign(session_claims(self.user))
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()


def main() -> int:
    """Run the demo, and return the exit code."""
    user = f"user_2demo{secrets.token_hex(8)}"
    try:
        interrupt_on_stop_signals()
        with server_port() as port:
            caller = Caller(port, user)
            walk(caller)
            print(report(user, caller.call("GET", "/api/onboarding/summary")))
    except (DemoError, LocalPostgresError, KeyFolderError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def walk(caller: Caller) -> None:
    """Take every step and finish, telling how far it is."""
    print(f"{caller.user} on http://localhost:{caller.port}\n")
    caller.call("POST", "/api/onboarding/start")
    for number, step in served_steps(caller):
        answer = caller.call("POST", f"/api/onboarding/step/{number}/complete", {"data": DATA[step.key]})
        print(f"  ✓ {number} {step.title:<20} {answer['completion_percentage']:>6.1f} %")
    done = caller.call("POST", "/api/onboarding/complete")
    print(f"  ✓ {'completed':<22} {done['completion_percentage']:>6.1f} %\n")


def served_steps(caller: Caller) -> list[tuple[int, StepDefinition]]:
    """The steps of the page that the server serves, each with its number there: `ONBOARDING_FLOW` chooses it."""
    steps = {step.title: step for step in STEPS}
    shown = caller.call("GET", "/api/onboarding/config")["steps"]
    return [(step["step_number"], steps[step["title"]]) for step in shown]


def width() -> int:
    """How wide the terminal is, within what can be read; 80 where there is none."""
    return min(max(shutil.get_terminal_size((80, 24)).columns, NARROWEST), WIDEST)


def report(user: str, summary: Mapping[str, Any]) -> str:
    """The last step as text for a person."""
    rule = "─" * width()
    sections = [section(words(name), value) for name, value in summary.items()]
    return "\n".join([rule, f"The last step: what is stored for {user}", rule, *sections, rule])


def section(title: str, value: Any) -> str:
    """One part of the summary: its title, then a line for each entry that holds something."""
    shown = {name: entry for name, entry in value.items() if is_shown(name, entry)} if isinstance(value, dict) else {}
    lines = entries(shown) if shown else wrapped(value, 0)
    return "\n".join(f"{title if not index else '':<{LABEL}}  {line}" for index, line in enumerate(lines))


def is_shown(name: str, value: Any) -> bool:
    """Whether an entry tells a person anything."""
    return value is not None and name not in {"id", "session_id"}


def entries(value: Mapping[str, Any]) -> list[str]:
    """One line, or a few, for each entry; names in a column."""
    column = max(len(words(name)) for name in value)
    return [
        f"{words(name) if not index else '':<{column}}  {line}"
        for name, content in value.items()
        for index, line in enumerate(wrapped(content, column + 2))
    ]


def wrapped(value: Any, indent: int) -> list[str]:
    """A value as lines that fit beside the labels."""
    return textwrap.wrap(phrase(value), width() - LABEL - 2 - indent)


def phrase(value: Any) -> str:
    """Any JSON value as one phrase."""
    if isinstance(value, dict):
        return ", ".join(f"{words(name).lower()} {inner(content)}" for name, content in value.items()) or "–"
    if isinstance(value, list):
        return ", ".join(phrase(item) for item in value) or "–"
    if isinstance(value, bool) or value is None:
        return {True: "✓ yes", False: "✗ no", None: "–"}[value]
    return re.sub(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d):[\d.]+\+00:00", r"\1 \2 UTC", str(value))


def inner(value: Any) -> str:
    """A phrase within another one."""
    return f"({phrase(value)})" if isinstance(value, dict | list) else phrase(value)


def words(name: str) -> str:
    """Spell a field's name for a person: `corePersona` is `Core persona`."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", name)
    return spaced[:1].upper() + spaced[1:].lower().replace("url", "URL") if name != "api_keys" else "API keys"


@contextmanager
def server_port() -> Iterator[int]:
    """The port of the running development server, or of one that runs for the demo."""
    port = chosen_port()
    if port.isdigit() and accepts_our_tokens(int(port)):
        yield int(port)
    else:
        with own_server() as own_port:
            yield own_port


def accepts_our_tokens(port: int) -> bool:
    """Whether this clone's development server answers on the port."""
    try:
        return Caller(port, "user_2demo").send("GET", "/api/onboarding/status")[0] == http.client.OK
    except (OSError, OverflowError, http.client.HTTPException):
        return False


@contextmanager
def own_server() -> Iterator[int]:
    """Serve on a free port; the server's log is shown only when something fails."""
    with listen("0") as listening, migrated_development_database() as url, tempfile.TemporaryFile() as log:
        environ = {**without_settings(os.environ), **development_environment(url)}
        with serving_child(listening, environ, log=log):
            try:
                yield listening.getsockname()[1]
            except DemoError:
                log.seek(0)
                sys.stderr.write(log.read().decode(errors="replace"))
                raise


if __name__ == "__main__":
    sys.exit(main())
