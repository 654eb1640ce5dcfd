from __future__ import annotations

import secrets

from dev.harness.clerk import TokenFactory
from dev.harness.client import Client
from dev.harness.vercel.runtime import Host
from dev.harness.vercel.targets import BuiltTarget, StartedVercelDev
from tests.platform.transcript import record
from tests.platform.wizard import API, walk

TELL_MODULES = """
import sys
import vc__handler__python
print(*(module.__file__ for module in sys.modules.values() if getattr(module, "__file__", None)), sep="\\n")
"""


def test_the_whole_wizard_on_the_built_functions_writes_no_file(
    on_built_functions: Client, built_target: BuiltTarget, host: Host, token: TokenFactory
) -> None:
    """A person gets through all six steps on what Vercel would run, and no request, good or bad, writes a file."""
    before = host.written_files()
    walk(on_built_functions, f"user_2wizard{secrets.token_hex(8)}")
    record(on_built_functions, token, f"user_2files{secrets.token_hex(8)}")
    assert host.written_files() - before == set()
    still_running = [path for path, one in built_target.functions.items() if one.child.poll() is None]
    assert still_running == list(built_target.functions)


def test_the_whole_wizard_under_vercel_dev(on_vercel_dev: Client) -> None:
    """A person gets through all six steps under the real `vercel dev --local`."""
    walk(on_vercel_dev, f"user_2wizard{secrets.token_hex(8)}")


def test_vercel_dev_keeps_local_data_out_of_the_functions(
    started_vercel_dev: StartedVercelDev, on_vercel_dev: Client
) -> None:
    """The development database and the tests are neither watched nor copied into each function that it builds."""
    copies = list((started_vercel_dev.project / ".vercel" / "cache").glob("*_py"))
    assert {(copy / "lib").is_dir() for copy in copies} == {True}
    assert [copy.name for copy in copies if (copy / ".dev").exists() or (copy / "tests").exists()] == []


def test_a_written_file_would_be_noticed(host: Host) -> None:
    """What a function's process writes where it may write is what `written_files` finds."""
    before = host.written_files()
    script = "import tempfile, pathlib; open(tempfile.mkstemp()[1], 'w').close(); (pathlib.Path.home() / 'x').touch()"
    assert host.run(host.folder, ["-c", script]).returncode == 0
    noticed = host.written_files() - before
    assert {file.parent for file in noticed} == {host.temporary, host.home}
    for file in noticed:
        file.unlink()


def test_a_function_cannot_write_into_its_own_folder(host: Host, built_target: BuiltTarget) -> None:
    """As on Vercel, the bundle is read-only to the process that serves it."""
    task = host.lay_out(next(iter(built_target.functions.values())).function)
    for folder in (task, task / "api", task / "_vendor"):
        refused = host.run(task, ["-c", f"open({str(folder / 'new')!r}, 'w')"])
        assert refused.returncode != 0
        assert "Permission" in refused.stderr or "Read-only" in refused.stderr


def test_a_function_imports_nothing_from_the_repository(host: Host, built_target: BuiltTarget) -> None:
    """Every module comes from the bundle or the interpreter, so that what a bundle lacks is missed here."""
    function = built_target.functions[f"{API}/session"].function
    task = host.lay_out(function)
    done = host.run(task, ["-c", TELL_MODULES], **host.environment(function))
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.split() if not line.startswith((str(task), str(host.library)))] == []
