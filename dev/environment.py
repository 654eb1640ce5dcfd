"""What the functions run with in development: this clone's own database, keys and AI backend, or the developer's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from dev import sample_ai_backend
from dev.choices import CLERK_INSTANCE, ENV_FILE, Choices
from dev.database import OwnDatabase, migrate_or_exit, migrated_development_database
from dev.settings import (
    CLERK_SETTINGS,
    DATABASE_SETTINGS,
    DEV_FOLDER,
    LOCAL_ORIGINS,
    SAMPLE_USER,
    development_environment,
    development_key,
    session_claims,
)


@dataclass(frozen=True)
class Environment:
    """The functions' settings, and what a person is told about them. `token` is None where only Clerk can make one."""

    variables: Mapping[str, str]
    facts: Mapping[str, str]
    token: str | None


@contextmanager
def development(choices: Choices, folder: Path = DEV_FOLDER) -> Iterator[Environment]:
    """Run what the functions need while in use; this clone's keys and database are in the folder.

    Raises ChoiceError, LocalPostgresError or SystemExit.
    """
    own_database = OwnDatabase.chosen(choices)
    defaults = _defaults(choices, own_database, folder)
    settings = {**defaults, **choices.settings, "ALLOWED_ORIGINS": _origins(choices)}
    with _database(own_database, settings, folder) as (database, place), _ai_backend(choices) as (ai_backend, ai_place):
        facts = {
            "Clerk": _clerk_fact(choices),
            "Database": place,
            **_key_fact(settings),
            "AI backend": ai_place,
            "Flow": _flow_fact(choices),
            "Origins": settings["ALLOWED_ORIGINS"].replace(",", ", "),
        }
        token = None if choices.has_own_clerk else development_key(folder).sign(session_claims(SAMPLE_USER))
        yield Environment({**settings, **database, **ai_backend}, facts, token)


@contextmanager
def _database(
    own: OwnDatabase | None, settings: Mapping[str, str], folder: Path
) -> Iterator[tuple[Mapping[str, str], str]]:
    """The settings of the database, and what to tell about it. An own one is migrated only where it is local."""
    if own is None:
        with migrated_development_database(folder) as url:
            yield {"DATABASE_URL": url}, f"{unquote(url)}\nmake psql shows it, make reset empties it"
        return
    place = f"{own.place}, of {ENV_FILE.name}"
    if own.is_local:
        migrate_or_exit(settings)
        yield {}, f"{place}, migrated"
    else:
        yield {}, f"{place}, left as it is; to migrate it: make migrate"


@contextmanager
def _ai_backend(choices: Choices) -> Iterator[tuple[Mapping[str, str], str]]:
    name = "AI_BACKEND_URL"
    if chosen := choices.settings.get(name):
        yield {}, f"{_without_secrets(chosen)}, of {choices.origin(name)}"
        return
    with sample_ai_backend.serving(report=lambda line: print(line, flush=True)) as url:
        yield {name: url}, f"sample data from {url}; a real one: {name}=https://…"


def _without_secrets(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:  # make doctor says what is wrong with it
        return "an address that cannot be read"
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _defaults(choices: Choices, own_database: OwnDatabase | None, folder: Path) -> dict[str, str]:
    """Give the settings of this clone, without those that would not fit what was chosen."""
    left_out = set(DATABASE_SETTINGS)
    if choices.has_own_clerk:
        left_out.update(CLERK_SETTINGS)
    if own_database and not own_database.is_local:
        left_out.add("API_KEY_ENCRYPTION_KEYS")  # whoever shares that database could not read what ours encrypts
    return {name: value for name, value in development_environment("", folder).items() if name not in left_out}


def _origins(choices: Choices) -> str:
    return ",".join([*LOCAL_ORIGINS, *choices.only(["ALLOWED_ORIGINS"]).values()])


def _clerk_fact(choices: Choices) -> str:
    if not choices.has_own_clerk:
        return f"development keys of this clone; your own instance: CLERK_… in {ENV_FILE.name}"
    names = ", ".join(choices.only(CLERK_INSTANCE))
    instance = choices.settings.get("CLERK_ISSUER", "your own instance")
    return f"{instance}, by {names} of {ENV_FILE.name}"


def _key_fact(settings: Mapping[str, str]) -> dict[str, str]:
    name = "API_KEY_ENCRYPTION_KEYS"
    if name in settings:
        return {}
    return {"API keys": f"cannot be stored until {ENV_FILE.name} has this database's {name}"}


def _flow_fact(choices: Choices) -> str:
    name = "ONBOARDING_FLOW"
    if chosen := choices.settings.get(name):
        return f"{chosen}, of {choices.origin(name)}"
    return f"six steps; the later page's five: {name}=five"
