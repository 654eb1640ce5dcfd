from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dev.harness.clerk import TokenFactory
from dev.harness.postgres import alembic
from dev.harness.vercel.project import copy_project
from dev.harness.wizard import INTEGRATIONS, KEYS, PERSONA, RESEARCH, WEBSITE
from dev.settings import SigningKey, new_encryption_key
from tests.support.recipes import TEXT, Recipe, environment_of, recipes, run_tests

RECIPES = recipes()
BASE = "/api/onboarding"

# Runs in the copy: sends requests to its WSGI app, and prints statuses and bodies.
SEND = """
import json, sys
from dev.harness.in_process import InProcess

requests, tokens = json.load(sys.stdin)
client = InProcess("", 0, tokens.get)
answers = [client.request(method, path, user=user, json=body) for method, path, user, body in requests]
print(json.dumps([(answer.status, answer.json()) for answer in answers]))
"""

type Sent = tuple[str, str, str, Any]


@dataclass(frozen=True)
class Changed:
    """A copy of the repository after a recipe, with a migrated database of its own."""

    project: Path
    environ: dict[str, str]
    token: TokenFactory

    def send(self, *requests: Sent) -> list[Any]:
        """The bodies of the answers to these requests, which all have to be a 200."""
        tokens = {user: self.token(user) for _, _, user, _ in requests}
        done = subprocess.run(
            [sys.executable, "-c", SEND],
            cwd=self.project,
            env=self.environ,
            input=json.dumps([requests, tokens]),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answers = json.loads(done.stdout.splitlines()[-1])
        assert [status for status, _ in answers] == [200] * len(requests), f"{answers}\n{done.stderr}"
        return [body for _, body in answers]


@pytest.fixture
def change(
    empty_database_url: str, signing_key: SigningKey, token: TokenFactory, tmp_path: Path
) -> Callable[[str], Changed]:
    """Carry a recipe out on a copy, and migrate its database with the real alembic."""

    def carry_out(title: str) -> Changed:
        project = copy_project(tmp_path / "project")
        environ = environment_of(empty_database_url)
        RECIPES[title].apply(project, environ)
        alembic(empty_database_url, "upgrade", "head", root=project)
        secrets = {"CLERK_JWT_KEY": signing_key.public_pem, "API_KEY_ENCRYPTION_KEYS": new_encryption_key()}
        return Changed(project, {**environ, **secrets}, token)

    return carry_out


def test_the_recipes_are_read_whole() -> None:
    """Every block of the text is a step that the tests below carry out."""
    assert list(RECIPES) == ["A field of the website analysis", "A step", "An endpoint with a table"]
    assert sum(len(recipe.steps) for recipe in RECIPES.values()) == len(re.findall(r"^```\w+$", TEXT, re.MULTILINE))
    for recipe in RECIPES.values():
        assert [step.number for step in recipe.steps] == [*range(1, len(recipe.steps) + 1)]


@pytest.mark.thorough
def test_a_new_field_is_stored_and_comes_back(change: Callable[[str], Changed]) -> None:
    """The column holds what step 2 sent, and every answer about the analysis and the export show it."""
    words, user = ["bread", "slow"], "user_2field"
    sent = {**WEBSITE, "analysis": {**WEBSITE["analysis"], "brand_keywords": words}}
    changed = change("A field of the website analysis")
    _, current, exported = changed.send(
        ("POST", f"{BASE}/step/2/complete", user, {"data": sent}),
        ("GET", f"{BASE}/website-analysis", user, None),
        ("GET", f"{BASE}/export", user, None),
    )
    (by_id,) = changed.send(("GET", f"{BASE}/style-detection/analysis/{current['analysis_id']}", user, None))
    assert current["brand_keywords"] == words
    assert by_id["analysis"]["brand_keywords"] == words
    assert exported["website_analyses"][0]["brand_keywords"] == words


@pytest.mark.thorough
def test_a_new_step_is_stored_and_counted(change: Callable[[str], Changed]) -> None:
    """Seven steps: each finished one is a seventh, the new one comes back under its number, and the last is step 7."""
    user, team = "user_2step", {"members": ["editor@example.com"], "note": "kept"}
    samples = [KEYS, WEBSITE, RESEARCH, PERSONA, INTEGRATIONS, team, {}]
    changed = change("A step")
    answers = changed.send(
        *[
            ("POST", f"{BASE}/step/{number}/complete", user, {"data": data})
            for number, data in enumerate(samples, start=1)
        ]
    )
    assert [answer["current_step"] for answer in answers] == [2, 3, 4, 5, 6, 7, 7]
    assert [answer["completion_percentage"] for answer in answers] == pytest.approx(
        [number / 7 * 100 for number in range(1, 8)]
    )
    read, last, progress, config, done = changed.send(
        ("GET", f"{BASE}/step/6", user, None),
        ("GET", f"{BASE}/step/7", user, None),
        ("GET", f"{BASE}/progress", user, None),
        ("GET", f"{BASE}/config", user, None),
        ("POST", f"{BASE}/complete", user, {}),
    )
    assert (read["title"], read["status"], read["data"]) == ("Your Team", "completed", team)
    assert (last["title"], last["status"]) == ("Complete Setup", "completed")
    assert (progress["total_steps"], progress["steps"][5]["data"]) == (7, team)
    assert (config["total_steps"], done["completion_percentage"]) == (7, 100.0)


@pytest.mark.thorough
def test_a_new_endpoint_keeps_each_user_s_rows_apart(change: Callable[[str], Changed]) -> None:
    """What a user stores comes back and is in the export; another user sees nothing; erasing leaves no row."""
    user, other, note = "user_2notes", "user_2other", {"name": "Tone", "text": "Warm"}
    changed = change("An endpoint with a table")
    _, own, exported, others, others_export = changed.send(
        ("POST", f"{BASE}/notes", user, note),
        ("GET", f"{BASE}/notes", user, None),
        ("GET", f"{BASE}/export", user, None),
        ("GET", f"{BASE}/notes", other, None),
        ("GET", f"{BASE}/export", other, None),
    )
    assert own == {"notes": [note]}
    assert [(row["name"], row["text"]) for row in exported["notes"]] == [("Tone", "Warm")]
    assert (others, others_export["notes"]) == ({"notes": []}, [])
    _, erased = changed.send(("POST", f"{BASE}/reset?hard=true", user, {}), ("GET", f"{BASE}/notes", user, None))
    assert erased == {"notes": []}


@pytest.mark.thorough
@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.title)
def test_a_step_that_is_left_out_is_told(recipe: Recipe, empty_database_url: str, tmp_path: Path) -> None:
    """The test that the recipe names fails without the step, and passes with all of them; so do ruff's checks."""
    environ = environment_of(empty_database_url)
    before = copy_project(tmp_path / "before")
    after = shutil.copytree(before, tmp_path / "after")
    recipe.apply(after, environ)
    every_test = tuple({test: None for step in recipe.steps for test in step.tests})
    passed = run_tests(after, every_test)
    assert passed.returncode == 0, passed.stdout
    for check in (["check", "--no-cache"], ["format", "--no-cache", "--check"]):
        command = [sys.executable, "-m", "ruff", *check]
        done = subprocess.run(command, cwd=after, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
    for step in recipe.steps:
        project = shutil.copytree(before, tmp_path / f"without_{step.number}")
        if step.tests:
            _apply_without(recipe, step.number, project, after)
            done = run_tests(project, step.tests)
            # 1: a test failed; 2 and 4: what it imports cannot be imported.
            assert done.returncode in {1, 2, 4}, f"nothing tells that step {step.number} was left out:\n{done.stdout}"
        else:
            with pytest.raises(subprocess.CalledProcessError) as refused:
                recipe.apply(project, environ, without=step)
            assert "there is nothing to write" in refused.value.stderr


# What each command of a recipe writes.
_WRITTEN = {
    "dev.revision": ("migrations/versions", "lib/db/schema.py"),
    "dev.rewrites": ("vercel.json",),
    "dev.statements": ("lib/db/compiled.json",),
    "dev.openapi": ("dev/openapi/examples.json", "public/openapi.json"),
}


def _copy(written: Path, to: Path) -> None:
    if written.is_dir():
        shutil.copytree(written, to, dirs_exist_ok=True)
    else:
        shutil.copyfile(written, to)


def _apply_without(recipe: Recipe, number: int, project: Path, after: Path) -> None:
    """Carry out all steps but one. What a command wrote is taken from the copy where all were."""
    for step in recipe.steps:
        if step.number == number:
            continue
        if step.is_command:
            for command, written in _WRITTEN.items():
                if command in step.block:
                    for path in written:
                        _copy(after / path, project / path)
        else:
            step.apply(project, {})


@pytest.mark.thorough
def test_a_table_without_row_level_security_is_told(change: Callable[[str], Changed]) -> None:
    """The line of the revision that isolates the table is taken out: the test that the recipe names fails."""
    project = change("An endpoint with a table").project
    (revision,) = [file for file in (project / "migrations" / "versions").glob("*.py") if "_notes" in file.name]
    written = revision.read_text()
    assert "SELECT onboarding_isolate('notes')" in written
    revision.write_text(re.sub(r"^.*onboarding_isolate.*\n", "", written, flags=re.MULTILINE))
    (test,) = re.findall(r"`(tests/integration/\S+test_row_level_security\w+)`", TEXT)
    done = run_tests(project, (test,))
    assert done.returncode == 1, done.stdout
