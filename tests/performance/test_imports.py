"""What a function imports, and when: imports are most of a cold start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping

import pytest

from dev.harness.clerk import TokenFactory
from dev.harness.wizard import STEP_DATA
from dev.settings import ROOT, without_settings

pytestmark = pytest.mark.slow

ORIGIN = "https://app.example.com"
FUNCTIONS = sorted(
    str(file.relative_to(ROOT).with_suffix("")).replace("/", ".")
    for file in (ROOT / "api").rglob("*.py")
    if file.name[0] != "_"
)

# Every third-party package that a function may have imported, with the reason for it.
AT_START = {
    "falcon": "routing, requests and responses; nothing it needs is from another package",
}
FOR_A_TOKEN = {
    "jwt": "verifies Clerk's tokens",
    "cryptography": "the signature, and the stored API keys",
}
FOR_THE_DATABASE = {
    "psycopg": "the driver",
    "psycopg_binary": "its compiled half, with libpq",
    "typing_extensions": "imported by psycopg",
}
FOR_THE_SCHEMA = {
    "sqlalchemy": "health compares the database with the declared tables; the ORM stays out",
}
FOR_JUDGING_A_STEP = {
    "pydantic": "the steps' models",
    "pydantic_core": "its compiled half",
    "annotated_types": "imported by pydantic",
    "typing_inspection": "imported by pydantic",
}
A_READ = {**AT_START, **FOR_A_TOKEN, **FOR_THE_DATABASE}

# Modules of the packages above that cost much and are never needed.
NEVER = (
    "lib.http.answers",  # the shapes of answers, which annotations alone name
    "dev",
    "sqlalchemy.orm",
    "sqlalchemy.ext",
    "sqlalchemy.testing",
    "asyncpg",
    "alembic",
    "requests",
    "httpx",
    "email_validator",
)

CATALOGUE = "api.onboarding.catalogue"
MAY_IMPORT = {CATALOGUE: set(AT_START), "api.health": {*A_READ, *FOR_THE_SCHEMA}}
NO_READ = "/api/webhooks/clerk"
READ_OF = {
    CATALOGUE: "/api/onboarding/config",
    "api.health": "/api/health",
    "api.onboarding.api_keys": "/api/onboarding/api-keys",
    "api.onboarding.integrations": "/api/onboarding/step/5",
    "api.onboarding.persona": "/api/onboarding/step/4",
    "api.onboarding.research_preferences": "/api/onboarding/research-preferences",
    "api.onboarding.session": "/api/onboarding/init",
    "api.onboarding.summary": "/api/onboarding/summary",
    "api.onboarding.website_analysis": "/api/onboarding/website-analysis",
}

# Answers the requests on its standard input, each through a bare WSGI call, and prints what was imported by then.
PROBE = """
import importlib, io, json, sys
app = importlib.import_module(sys.argv[1]).app
for request in [None, *json.load(sys.stdin)]:
    status = []
    if request is not None:
        body = request.pop("body").encode()
        environ = {"SERVER_NAME": "x", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "QUERY_STRING": "",
                   "wsgi.url_scheme": "http", "wsgi.errors": sys.stderr, "wsgi.input": io.BytesIO(body),
                   "CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": "application/json", **request}
        list(app(environ, lambda line, headers: status.append(line)))
    site = [name for name, module in sys.modules.items() if "site-packages" in (getattr(module, "__file__", "") or "")]
    described = [name for name in sys.modules if name == "lib.http.answers" or name.partition(".")[0] == "dev"]
    print(json.dumps([status, site + described]))
"""


def preflight(path: str) -> dict[str, str]:
    """What a browser asks before it calls."""
    return {
        "REQUEST_METHOD": "OPTIONS",
        "PATH_INFO": path,
        "HTTP_ORIGIN": ORIGIN,
        "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "GET",
        "body": "",
    }


def request(method: str, path: str, token: str, body: str = "") -> dict[str, str]:
    """A signed-in request."""
    return {"REQUEST_METHOD": method, "PATH_INFO": path, "HTTP_AUTHORIZATION": f"Bearer {token}", "body": body}


def imported(function: str, environment: Mapping[str, str], *requests: dict[str, str]) -> list[set[str]]:
    """The third-party modules after importing a function, and after each of the requests, which have to succeed."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, function],
        cwd=ROOT,
        env={**without_settings(os.environ), **environment, "ALLOWED_ORIGINS": ORIGIN},
        input=json.dumps(requests),
        capture_output=True,
        text=True,
        check=True,
    )
    stages = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(line.startswith("2") for status, _ in stages for line in status), stages
    return [set(modules) for _, modules in stages]


def packages(modules: set[str]) -> set[str]:
    """Their top-level names, without the private ones that compiled parts bring along."""
    return (
        {name.partition(".")[0] for name in modules}
        - {"_cffi_backend"}
        - {name for name in modules if name.startswith("_")}
    )


@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_function_imports_what_has_a_reason_when_it_is_needed(
    function: str, environment: dict[str, str], token: TokenFactory
) -> None:
    """A start and a preflight need the framework alone, a read token and database besides, and no read the models."""
    path = READ_OF.get(function, NO_READ)
    calls = [preflight(path), *([request("GET", path, token("user_2imports"))] if path != NO_READ else [])]
    after_start, after_preflight, *after_read = imported(function, environment, *calls)
    assert packages(after_start) == packages(after_preflight) == set(AT_START)
    for modules in after_read:
        assert packages(modules) <= MAY_IMPORT.get(function, set(A_READ))
        assert not [name for name in modules if name.startswith(NEVER)]


def test_completing_a_step_imports_the_models_besides(environment: dict[str, str], token: TokenFactory) -> None:
    """What a write needs more than a read is pydantic."""
    body = json.dumps({"data": STEP_DATA[4]})
    call = request("POST", "/api/onboarding/step/4/complete", token("user_2imports"), body)
    _, after = imported("api.onboarding.persona", environment, call)
    assert packages(after) <= set(A_READ) | set(FOR_JUDGING_A_STEP)
    assert not [name for name in after if name.startswith(NEVER)]


def test_saving_a_key_imports_what_a_read_does(environment: dict[str, str], token: TokenFactory) -> None:
    """The first thing that a new user waits for."""
    body = json.dumps({"provider": "openai", "api_key": "sk-" + "a" * 40})
    call = request("POST", "/api/onboarding/api-keys", token("user_2imports"), body)
    _, after = imported("api.onboarding.api_keys", environment, call)
    assert packages(after) <= set(A_READ)


@pytest.mark.parametrize("path", ["status", "progress", "requirements", "history"])
def test_the_session_s_reads_do_without_sqlalchemy(path: str, environment: dict[str, str], token: TokenFactory) -> None:
    """What else a page asks for when it opens finds its statements compiled."""
    call = request("GET", f"/api/onboarding/{path}", token("user_2imports"))
    _, after = imported("api.onboarding.session", environment, call)
    assert packages(after) <= set(A_READ)
