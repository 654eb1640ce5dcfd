"""What all measurements share: a Postgres of their own, a deployment's variables, and a user who finished the steps."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from bench.load import Caller, json_caller
from dev import sample_ai_backend
from dev.harness.clerk import TokenFactory
from dev.harness.every_call import save_everything
from dev.harness.in_process import InProcess
from dev.harness.postgres import alembic, throwaway_postgres
from dev.harness.wizard import WEBSITE
from dev.local_postgres import LocalPostgres
from dev.settings import SETTINGS, SigningKey, new_encryption_key

USER = "user_2bench"
SUMMARY = "/api/onboarding/summary"
STATUS = "/api/onboarding/status"
INIT = "/api/onboarding/init"
STEP_2 = "/api/onboarding/step/2/complete"
SAVED_KEY = "/api/onboarding/api-keys"
ANALYSIS = "/api/onboarding/style-detection/complete"
ANALYSED = {"url": "https://example.com"}
KEY = {"provider": "openai", "api_key": "sk-" + "0123456789abcdef" * 3}
FOREVER = 4_102_444_800  # the year 2100


@dataclass(frozen=True)
class Stage:
    """`variables` are a good deployment's; a token is valid for the whole run."""

    server: LocalPostgres
    variables: Mapping[str, str]
    factory: TokenFactory

    @property
    def url(self) -> str:
        """The database."""
        return self.variables["DATABASE_URL"]

    def token(self, user: str) -> str:
        """A signed-in user."""
        return self.factory(user, exp=FOREVER)

    def caller(self, method: str, path: str, user: str = USER, body: object = None) -> Caller:
        """A request of a user."""
        return json_caller(method, path, self.token(user), user, body)

    @property
    def summary(self) -> Caller:
        """What step 6 asks for."""
        return self.caller("GET", SUMMARY)

    @property
    def status(self) -> Caller:
        """Where the user stands."""
        return self.caller("GET", STATUS)

    def known(self, path: str) -> Caller:
        """A request for what the caller has already: 304."""
        with self.in_process() as calls:
            etag = calls.get(path, user=USER).headers["ETag"]
        caller = self.caller("GET", path)
        return replace(caller, headers={**caller.headers, "If-None-Match": etag})

    @property
    def completion(self) -> Caller:
        """Completing step 2."""
        return self.caller("POST", STEP_2, body={"data": WEBSITE})

    @property
    def saved_key(self) -> Caller:
        """Saving the key of an AI provider."""
        return self.caller("POST", SAVED_KEY, body=KEY)

    @property
    def analysis(self) -> Caller:
        """Having the AI backend analyse a website, and storing what it found."""
        return self.caller("POST", ANALYSIS, body=ANALYSED)

    @contextmanager
    def in_process(self, **variables: str) -> Iterator[InProcess]:
        """Call every function in this process, with the deployment's variables and these instead."""
        from lib import bootstrap

        kept = {name: os.environ.pop(name) for name in SETTINGS if name in os.environ}
        os.environ.update({**self.variables, **variables})
        bootstrap.reset()
        try:
            yield InProcess("", 0, self.token)
        finally:
            bootstrap.reset()
            for name in SETTINGS:
                os.environ.pop(name, None)
            os.environ.update(kept)


@contextmanager
def stage() -> Iterator[Stage]:
    """Start Postgres and an AI backend that answers at once, migrate a database, store a user's wizard."""
    key = SigningKey.generate()
    with throwaway_postgres() as server, sample_ai_backend.serving(delay=0) as ai_backend:
        url = server.create_database("bench")
        alembic(url, "upgrade", "head")
        secrets = {"CLERK_JWT_KEY": key.public_pem, "API_KEY_ENCRYPTION_KEYS": new_encryption_key()}
        variables = {"DATABASE_URL": url, "AI_BACKEND_URL": ai_backend, **secrets}
        made = Stage(server, variables, TokenFactory(key))
        with made.in_process() as calls:
            save_everything(calls, USER)
        yield made
