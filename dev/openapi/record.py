"""`python -m dev.openapi.record`: walk through the wizard in this process, and keep one call of each operation.

The database is thrown away afterwards, and the AI backend is the sample one. Times and random ids are replaced by ones
that stay the same.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dev.harness.clerk import TokenFactory
from dev.harness.in_process import InProcess
from dev.harness.postgres import alembic, throwaway_postgres
from dev.harness.wizard import BUSINESS, GEMINI, INTEGRATIONS, PERSONA, STEP_DATA
from dev.openapi.examples import FILE
from dev.openapi.table import BASE, STEP
from dev.sample_ai_backend import serving
from dev.settings import SAMPLE_USER, SigningKey, new_encryption_key
from lib import bootstrap
from lib.http.endpoints.business_info import id_of
from lib.steps.definitions import INTEGRATIONS as OPTIONAL
from lib.steps.definitions import SIX_STEPS

WEBSITE = "https://shop.example.com/a?b=c"
OTHER_USER = "user_2other"
ANY_STEP = SIX_STEPS.number(OPTIONAL)
OPERATIONS_TOKEN = "o" * 32
POLLS = 5
NEWEST = "newest"
"""Stands for the id of the newest analysis."""

type Call = tuple[str, str, Any]
"""The operation's name, the path where it has parameters, and the body, `...` for none."""

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:\+00:00|Z)?")
_RANDOM_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
SAME_TIME, SAME_ID = "2026-11-24T09:30:00+00:00", "6f1c1a52-2b0e-4e0c-9d3c-0c5f1f6c1f01"


def main() -> None:
    """Record, and write the file."""
    with _deployment() as client:
        recorded = dict(_recorded(client))
    FILE.write_text(json.dumps(recorded, ensure_ascii=False, indent=1, sort_keys=True) + "\n")


def walk() -> Iterator[Call]:
    """A whole onboarding, then what reads it, then what changes it."""
    yield f"POST {BASE}/start", "", ...
    yield f"POST {BASE}/api-keys", "", {"provider": "gemini", "api_key": GEMINI, "description": "From my account"}
    yield f"POST {BASE}/business-info", "", BUSINESS
    for number, data in STEP_DATA.items():
        yield f"GET {STEP}/{number}/validate", "", ...
        yield f"PUT {STEP}/{number}/draft", "", {"data": {"note": "half"}}
        yield f"GET {STEP}/{number}", "", ...
        yield f"DELETE {STEP}/{number}/draft", "", ...
        if not SIX_STEPS.step(number).required:
            yield f"POST {STEP}/{number}/skip", "", ...
        yield f"POST {STEP}/{number}/complete", "", {"data": data}
    yield f"POST {BASE}/complete", "", ...
    yield from _with_any_number()
    for path in (
        "init",
        "status",
        "progress",
        "requirements",
        "resume",
        "summary",
        "history",
        "export",
        "config",
        "providers",
    ):
        yield f"GET {BASE}/{path}", "", ...
    for path in ("website-analysis", "research-preferences", "api-keys", "api-keys/onboarding", "step4/persona-latest"):
        yield f"GET {BASE}/{path}", "", ...
    yield f"POST {BASE}/api-keys/validate", "", ...
    yield f"GET {BASE}/providers/{{provider}}/setup", f"{BASE}/providers/openai/setup", ...
    yield "GET /api/health", "", ...
    yield from _of_website()
    yield from _of_business()
    persona = {"core_persona": PERSONA["corePersona"], "selected_platforms": ["linkedin"]}
    yield f"POST {BASE}/step4/persona-save", "", persona
    yield f"DELETE {BASE}/api-keys/{{provider}}", f"{BASE}/api-keys/openai", ...
    yield f"POST {BASE}/reset", "", ...
    yield "POST /api/log-error", "", {"message": "Cannot read properties of undefined", "componentStack": "in Wizard"}


def generating() -> Iterator[Call]:
    """What the AI backend is asked for, by another user whose answers are as long as the sample makes them."""
    yield f"POST {BASE}/style-detection/complete", "", {"url": WEBSITE, "include_patterns": True}
    yield f"POST {BASE}/step3/discover-competitors", "", {"user_url": WEBSITE, "num_results": 1}
    yield f"POST {BASE}/step3/analyze-sitemap", "", {"user_url": WEBSITE}
    asked = {"onboarding_data": {"website": WEBSITE}, "selected_platforms": ["linkedin"]}
    yield f"POST {BASE}/step4/generate-personas", "", asked
    yield f"POST {BASE}/step4/generate-personas-async", "", asked


def _with_any_number() -> Iterator[Call]:
    name, path = f"{STEP}/{{step_number}}", f"{STEP}/{ANY_STEP}"
    yield f"GET {name}/validate", f"{path}/validate", ...
    yield f"PUT {name}/draft", f"{path}/draft", {"data": {"email": "editor@example.com"}}
    yield f"GET {name}", path, ...
    yield f"DELETE {name}/draft", f"{path}/draft", ...
    yield f"POST {name}/skip", f"{path}/skip", ...
    yield f"POST {name}/complete", f"{path}/complete", {"data": INTEGRATIONS}


def _of_website() -> Iterator[Call]:
    base = f"{BASE}/style-detection"
    yield f"GET {base}/session-analyses", "", ...
    yield (
        f"GET {base}/check-existing/{{website}}",
        f"{base}/check-existing/https%3A%2F%2Fshop.example.com%2Fa%3Fb%3Dc",
        ...,
    )
    yield f"GET {base}/analysis/{{id}}", f"{base}/analysis/{NEWEST}", ...
    yield f"PUT {base}/analysis/{{id}}", f"{base}/analysis/{NEWEST}", {"brand_analysis": {"voice": "Warm"}}
    yield f"DELETE {base}/analysis/{{id}}", f"{base}/analysis/{NEWEST}", ...


def _of_business() -> Iterator[Call]:
    path = f"{BASE}/business-info/{id_of(SAMPLE_USER)}"
    yield f"GET {BASE}/business-info/{{id}}", path, ...
    yield f"PUT {BASE}/business-info/{{id}}", path, BUSINESS
    yield f"GET {BASE}/business-info/user/{{user}}", f"{BASE}/business-info/user/me", ...


def _recorded(client: InProcess) -> Iterator[tuple[str, Any]]:
    for call in walk():
        yield call[0], _record(client, SAMPLE_USER, call)
    for call in generating():
        recorded = _record(client, OTHER_USER, call)
        yield call[0], recorded
    started = client.post(f"{BASE}/step4/generate-personas-async", user=OTHER_USER, json=call[2]).json()
    task = (f"GET {BASE}/step4/persona-task/{{task_id}}", f"{BASE}/step4/persona-task/{started['task_id']}", ...)
    *_, finished = [_record(client, OTHER_USER, task) for _ in range(POLLS)]
    yield task[0], finished
    funnel = client.get("/api/operations/funnel", headers={"Authorization": f"Bearer {OPERATIONS_TOKEN}"})
    yield "GET /api/operations/funnel", {"answered": funnel.json()}
    yield "POST /api/webhooks/clerk", _webhook()


def _record(client: InProcess, user: str, call: Call) -> dict[str, Any]:
    name, path, sent = call
    method, plain = name.split(" ")
    if path.endswith(NEWEST):
        newest = client.get(f"{BASE}/website-analysis", user=user).json()["analysis_id"]
        path = path.replace(NEWEST, str(newest))
    answer = client.request(method, path or plain, user=user, json=sent)
    if answer.status not in (200, 204):
        raise RuntimeError(f"{name} answered {answer.status}: {answer.text}")
    recorded = {} if sent is ... else {"sent": sent}
    if answer.body:
        text = _RANDOM_ID.sub(SAME_ID, _TIME.sub(SAME_TIME, answer.text))
        recorded["answered"] = json.loads(text)
    return recorded


def _webhook() -> dict[str, Any]:
    """Only Clerk can sign one."""
    event = {"type": "user.deleted", "object": "event", "data": {"id": SAMPLE_USER, "object": "user", "deleted": True}}
    return {"sent": event, "answered": {"received": True}}


@contextmanager
def _deployment() -> Iterator[InProcess]:
    """Every function on a new database, with the sample AI backend."""
    key = SigningKey.generate()
    with throwaway_postgres() as postgres, serving(delay=0) as ai_backend:
        url = postgres.create_database("recorded")
        alembic(url, "upgrade", "head")
        os.environ |= {
            "DATABASE_URL": url,
            "CLERK_JWT_KEY": key.public_pem,
            "API_KEY_ENCRYPTION_KEYS": new_encryption_key(),
            "AI_BACKEND_URL": ai_backend,
            "OPERATIONS_TOKEN": OPERATIONS_TOKEN,
        }
        bootstrap.reset()
        yield InProcess("", 0, TokenFactory(key))
        bootstrap.reset()


if __name__ == "__main__":
    main()
