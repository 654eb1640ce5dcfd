"""What a real `vercel build` makes of the repository."""

from __future__ import annotations

from pathlib import PurePosixPath

from tests.platform.harness.build import BuiltProject

MOST_FUNCTIONS = 12  # of a deployment on the Hobby plan


def test_functions_are_exactly_the_files_under_api(built: BuiltProject) -> None:
    """Each file under api/ that is not private becomes a function, nothing else does, and a Hobby plan takes them."""
    project = built.project
    files = {f"/{file.relative_to(project).with_suffix('')}" for file in (project / "api").rglob("*.py")}
    assert set(built.functions) == {path for path in files if not PurePosixPath(path).name.startswith("_")}
    assert len(built.functions) <= MOST_FUNCTIONS


def test_static_files_are_exactly_the_public_folder(built: BuiltProject) -> None:
    """The web can download what public/ holds and no source file."""
    public = built.project / "public"
    assert set(built.static_files) == {f"/{file.relative_to(public)}" for file in public.rglob("*") if file.is_file()}
    for path, file in built.static_files.items():
        assert file.read_bytes() == (public / path.lstrip("/")).read_bytes()
