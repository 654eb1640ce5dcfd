"""The packed client in fresh projects of the two kinds that its users have: Vite and Next.js."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from dev.node import Node, find_node
from dev.pages import CLIENT, alone, install, run
from dev.settings import ROOT

pytestmark = pytest.mark.thorough

FRESH = Path(__file__).resolve().parent / "fresh"
_LINES = re.compile(r"```ts\n(import \{ createOnboardingClient.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def node() -> Node:
    """Node.js."""
    return find_node()


@pytest.fixture(scope="module")
def package(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `npm pack` makes of the client."""
    folder = tmp_path_factory.mktemp("packed")
    with alone():
        install(node)
        run([*node.npm, "run", "build"], node)
        run([*node.npm, "pack", "--pack-destination", str(folder)], node)
    (packed,) = folder.iterdir()
    return packed


def _project(kind: str, folder: Path, package: Path, node: Node) -> Path:
    project = folder / kind
    shutil.copytree(FRESH / kind, project)
    _npm(node, project, "install", "--ignore-scripts", "--no-audit", "--no-fund", str(package))
    return project


def _npm(node: Node, project: Path, *arguments: str) -> None:
    run([*node.npm, *arguments], node, folder=project)


def _tool(node: Node, project: Path, path: str, *arguments: Sequence[str] | str) -> None:
    run([*node.node, f"node_modules/{path}", *map(str, arguments)], node, folder=project)


@pytest.fixture(scope="module")
def vite(node: Node, package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh Vite project with the packed client; the module that stands for the README's lines is empty."""
    project = _project("vite", tmp_path_factory.mktemp("fresh"), package, node)
    (project / "src" / "readme.ts").write_text("export {};\n")
    return project


def test_a_fresh_vite_project_compiles_the_readmes_lines(node: Node, vite: Path) -> None:
    """`npm install`, `tsc` with every declaration checked, and `vite build`, with the lines of the README in it."""
    lines = _LINES.findall((ROOT / "README.md").read_text())
    assert lines == _LINES.findall((CLIENT / "README.md").read_text())
    (shown,) = lines
    assert len(shown.strip().splitlines()) <= 10
    given = "declare const getToken: () => Promise<string | null>;\n"
    (vite / "src" / "readme.ts").write_text(given + shown)
    _tool(node, vite, "typescript/bin/tsc", "--noEmit")
    _tool(node, vite, "vite/bin/vite.js", "build")
    bundle = next((vite / "dist" / "assets").glob("*.js")).read_text()
    assert "/api/onboarding/step/" in bundle


def test_a_fresh_next_project_renders_with_it(node: Node, package: Path, tmp_path: Path) -> None:
    """`next build`: a page that is rendered in advance opens nothing that would keep the build from ending."""
    project = _project("next", tmp_path, package, node)
    _tool(node, project, "next/dist/bin/next", "build")
    assert (project / ".next" / "server" / "app" / "index.html").is_file()


def test_a_wrong_use_of_the_client_does_not_compile(node: Node, vite: Path) -> None:
    """The types are there: an unknown path, a wrong body and an unknown code are errors."""
    (vite / "src" / "wrong.ts").write_text(
        """import { createOnboardingClient, type Problem } from "onboarding-client";
const client = createOnboardingClient({ baseUrl: "", getToken: async () => null });
// @ts-expect-error
void client.GET("/api/onboarding/nothing");
// @ts-expect-error
void client.POST("/api/onboarding/step/2/complete", { body: { data: { website: 1 } } });
// @ts-expect-error
export const isIt = (problem: Problem): boolean => problem.code === "no_such_code";
"""
    )
    _tool(node, vite, "typescript/bin/tsc", "--noEmit")
