"""How cost grows: the summary's with the number of users, the summary's and init's with a user's own data."""

from __future__ import annotations

import random
import statistics
from contextlib import ExitStack

import psycopg

from bench.deployments import Deployment
from bench.load import Caller
from bench.processes import Running, running
from bench.progress import say
from bench.scale.crowd import load
from bench.stage import SUMMARY, Stage
from dev.harness.population import user_name
from dev.harness.postgres import alembic
from dev.harness.wizard import GEMINI, RESEARCH, WEBSITE
from dev.local_postgres import SUPERUSER
from lib.config import Settings
from lib.db.encryption import KeyRing

POPULATIONS = (1_000, 100_000, 1_000_000)
SAMPLE = 300
ROUNDS = 4
SIZES = {"10 KB": 10_000, "100 KB": 100_000, "500 KB": 500_000, "1 MB": 1_000_000, "2 MB": 2_000_000}
SIZE_ROUNDS = 5
SIZE_REQUESTS = 20


def by_users(stage: Stage, project: Deployment) -> dict[str, float]:
    """Median milliseconds of a summary, by how many users there are. Who asks is chosen at random."""
    with ExitStack() as stack:
        jobs: dict[int, tuple[Running, list[Caller]]] = {}
        for size in POPULATIONS:
            url = _populated(stage, size)
            function = stack.enter_context(
                running(project.compiled["summary"], {**stage.variables, "DATABASE_URL": url})
            )
            chosen = random.Random(size).sample(range(1, size + 1), SAMPLE)  # noqa: S311 - the same users each time
            _give_readable_keys(stage, size, chosen)
            jobs[size] = function, [stage.caller("GET", SUMMARY, user_name(number)) for number in chosen]
        found: dict[int, list[float]] = {size: [] for size in POPULATIONS}
        for number in range(ROUNDS):
            say(f"summaries among many users, {number + 1} of {ROUNDS}")
            for each in range(SAMPLE):
                for size, (function, callers) in jobs.items():
                    seconds = callers[each].on(function.port).call()
                    if number:  # the first round warms the caches
                        found[size].append(seconds * 1000)
    return {f"{size:,} users": statistics.median(each) for size, each in found.items()}


def by_size(stage: Stage, project: Deployment) -> dict[str, dict[str, float]]:
    """Processor milliseconds of summary and init, by the size of what a step stored.

    The kernel's share is left out: it leaps where an answer outgrows the buffers of a loopback socket, whoever sends.
    """
    for name, size in SIZES.items():
        _store(stage, name, size)
    asked = {
        "summary, step 3 grows": ("summary", SUMMARY, "research"),
        "init, step 3 grows": ("session", "/api/onboarding/init", "research"),
        "init, step 2 grows": ("session", "/api/onboarding/init", "website"),
    }
    found: dict[str, dict[str, list[float]]] = {what: {size: [] for size in SIZES} for what in asked}
    with ExitStack() as stack:
        names = ("summary", "session")
        ours = {name: stack.enter_context(running(project.compiled[name], stage.variables)) for name in names}
        for number in range(SIZE_ROUNDS + 1):
            say(f"growing data, {number} of {SIZE_ROUNDS}")
            for what, (function, path, grown) in asked.items():
                for label in SIZES:
                    caller = stage.caller("GET", path, _owner(grown, label))
                    found[what][label].append(ours[function].cpu_of(caller, SIZE_REQUESTS, kernel=False))
    return {what: {size: statistics.median(each[1:]) for size, each in by.items()} for what, by in found.items()}


def _populated(stage: Stage, size: int) -> str:
    name = _database(size)
    url = stage.server.create_database(name)
    alembic(url, "upgrade", "head")
    load(stage.server.url(name, user=SUPERUSER), size)
    return url


def _database(size: int) -> str:
    return f"bench_{size}"


def _give_readable_keys(stage: Stage, size: int, chosen: list[int]) -> None:
    ring = KeyRing(Settings(stage.variables).api_key_encryption_keys)
    update = "UPDATE api_keys SET encrypted_key = %s WHERE user_id = %s AND provider = 'gemini'"
    with psycopg.connect(stage.server.url(_database(size), user=SUPERUSER)) as connection:
        for user in map(user_name, chosen):
            connection.execute(update, (ring.encrypt(user, "gemini", GEMINI), user))


def _owner(grown: str, size: str) -> str:
    return f"user_2bench_{grown}_{size.replace(' ', '')}"


def _store(stage: Stage, name: str, size: int) -> None:
    """One user whose step 3 has that many bytes, and one whose step 2 has."""
    noise = random.Random(size)  # noqa: S311 - text that does not compress away
    text = "".join(noise.choices("abcdefghijklmnopqrstuvwxyz ", k=size))
    with stage.in_process() as calls:
        research = {"data": {**RESEARCH, "researchSummary": {"text": text}}}
        website = {"data": {**WEBSITE, "analysis": {**WEBSITE["analysis"], "crawl_result": {"text": text}}}}
        calls.post("/api/onboarding/step/3/complete", user=_owner("research", name), json=research)
        calls.post("/api/onboarding/step/2/complete", user=_owner("website", name), json=website)
