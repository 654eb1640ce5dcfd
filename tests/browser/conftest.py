"""One browser process that runs every scenario of client/browser/ against a server of `make dev`."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from dev.browser import find_browser
from dev.harness.vercel.targets import development_server
from dev.local_postgres import LocalPostgres
from dev.node import find_node
from dev.pages import CLIENT, build_pages
from dev.settings import development_environment
from tests.support.ai_backend import answering_everything, stub_backend

OPERATIONS_TOKEN = "browser-" * 4
TIMEOUT = 300  # seconds; a quiet machine takes a tenth of that


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark every test of this folder as it is found, so that none can forget it."""
    item.add_marker(pytest.mark.browser)
    item.add_marker(pytest.mark.thorough)


@pytest.fixture(scope="session")
def development_url(
    postgres: LocalPostgres, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A server of `make dev` with its pages built, a database and keys of its own, and a stub of the AI backend."""
    build_pages()
    folder = tmp_path_factory.mktemp("browser")
    settings = development_environment(postgres.create_database("browser", template=template_database), folder)
    with stub_backend() as stub:
        settings |= {
            "AI_BACKEND_URL": answering_everything(stub).url,
            "ONBOARDING_DEV_FOLDER": str(folder),
            "OPERATIONS_TOKEN": OPERATIONS_TOKEN,
        }
        with development_server(settings, folder / "log") as port:
            yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the wizard's steps are pictured: `make pictures` names docs/wizard, which no other run changes."""
    chosen = os.environ.get("ONBOARDING_PICTURES")
    return Path(chosen).absolute() if chosen else tmp_path_factory.mktemp("pictures")


@pytest.fixture(scope="session")
def outcomes(development_url: str, pictures: Path) -> Mapping[str, str | None]:
    """What went wrong in each scenario by its name; None where nothing did."""
    node = find_node()
    command = [*node.node, "browser/run.mjs", development_url, find_browser(node), str(pictures)]
    done = subprocess.run(
        command,
        cwd=CLIENT,
        env={**node.environ, "OPERATIONS_TOKEN": OPERATIONS_TOKEN},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {line["name"]: line["error"] for line in lines}
