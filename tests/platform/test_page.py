"""The wizard's own page reaches the end whoever serves the functions."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from dev.harness.clerk import TokenFactory
from dev.harness.client import Client
from dev.harness.vercel.build import BuiltProject
from dev.harness.vercel.runtime import Host
from dev.harness.vercel.targets import built_functions, development_server, gunicorn
from tests.support.page import (
    BUSINESS_INFO,
    KEYS_LETTER_BY_LETTER,
    Stages,
    assert_done,
    five_steps,
    resumes,
    send,
    six_steps,
)

TARGETS = (
    "on_development_server",
    "on_gunicorn",
    pytest.param("on_vercel_dev", marks=pytest.mark.thorough),
    pytest.param("on_built_functions", marks=pytest.mark.thorough),
)
PEOPLE: dict[str, tuple[Stages, str | None]] = {
    "with a website": (six_steps(keys=KEYS_LETTER_BY_LETTER), "https://bakery.example.com"),
    "without one": (six_steps(second=BUSINESS_INFO), None),
}


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("target", TARGETS)
def test_the_page_reaches_the_end(request: pytest.FixtureRequest, target: str, person: str) -> None:
    """Leaving and coming back behind each of its pages, on each of the four ways to serve it."""
    client: Client = request.getfixturevalue(target)
    stages, site = PEOPLE[person]
    user = _new_user()
    assert [onboarding["current_step"] for onboarding, _ in resumes(client, user, stages)] == [2, 3, 4, 5, 6]
    assert_done(client, user, site=site)


def test_the_five_step_page_reaches_the_end(variables: dict[str, str], token: TokenFactory, tmp_path: Path) -> None:
    """On the server of `make dev` and on gunicorn."""
    for number, serve in enumerate((development_server, gunicorn)):
        with serve(variables | {"ONBOARDING_FLOW": "five"}, tmp_path / f"log{number}") as port:
            _walk_five(Client("127.0.0.1", port, token))


def test_the_five_step_page_reaches_the_end_on_the_built_functions(
    built: BuiltProject, host: Host, variables: dict[str, str], token: TokenFactory
) -> None:
    """Each number reaches the function that the six-step page has under it, and is answered by the right step."""
    with built_functions(built, host, variables | {"ONBOARDING_FLOW": "five"}) as target:
        _walk_five(Client("127.0.0.1", target.port, token))


def _walk_five(client: Client) -> None:
    user = _new_user()
    send(client, user, five_steps())
    assert_done(client, user)


def _new_user() -> str:
    return f"user_2page{secrets.token_hex(8)}"
