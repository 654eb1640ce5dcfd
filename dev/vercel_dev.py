"""`make vercel-dev`: the functions under the real `vercel dev`, with what `make dev` gives them, and warmed."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

if __name__ == "__main__":  # the imports below take seconds: until main, Ctrl-C ends us without a traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from dev.banner import banner
from dev.choices import ChoiceError, Choices
from dev.environment import Environment, development
from dev.harness.vercel.cli import CliError, installed_cli
from dev.harness.vercel.processes import running, wait_for_port
from dev.local_postgres import LocalPostgresError
from dev.server import PortError, listen
from dev.settings import ROOT, KeyFolderError, chosen_port, without_settings
from dev.stopping import INTERRUPTED, ignore_stop_signals, interrupt_on_stop_signals
from dev.validation import validated
from serving.routes import RouteTable

MARK = "# Written by `make vercel-dev`, which overwrites this file as long as this line is here."
PRELOAD = Path(__file__).parent / "harness" / "vercel" / "vercel_dev_aids.cjs"
BUILDS_AT_ONCE = 3
START_TIMEOUT = 120  # seconds
FIRST_CALL_TIMEOUT = 300  # seconds
STOP_TIMEOUT = 10  # seconds


def main() -> int:
    """Run `vercel dev` until it is stopped, and return the exit code."""
    try:
        interrupt_on_stop_signals()
        with ExitStack() as stack:
            port = _free(chosen_port())
            choices = validated(Choices.read())
            cli = installed_cli(_say)
            environment = stack.enter_context(development(choices))
            told = settings_told(f"http://localhost:{port}", environment, ROOT / ".env")
            stack.callback(ignore_stop_signals)  # cleaning up is not interrupted
            return run(cli, port, list(RouteTable.read(ROOT).functions), told)
    except (PortError, CliError, ChoiceError, LocalPostgresError, KeyFolderError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", flush=True)
        return INTERRUPTED


def write_env_file(file: Path, variables: Mapping[str, str]) -> bool:
    """Write the only file whose variables `vercel dev --local` gives to a function.

    A file that was not written here is left unchanged, and the answer is False.
    """
    if file.exists() and not file.read_text().startswith(MARK):
        return False
    lines = [f"{name}={_quoted(value)}" for name, value in variables.items()]
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_text("\n".join([MARK, *lines, ""]))
    return True


def settings_told(url: str, environment: Environment, file: Path) -> str:
    """Write the functions' settings to the file, and give what a person is told about them."""
    if write_env_file(file, environment.variables):
        return banner(url, environment.facts, has_own_clerk=environment.token is None)
    return (
        f"\nOnboarding API on {url}    (Ctrl-C stops it)\n\n"
        f"Its settings are those of {file.name}, which was not written by make vercel-dev and is left unchanged.\n"
    )


def run(cli: Path, port: int, functions: Sequence[str], told: str) -> int:
    """Run the CLI until it ends or we are interrupted, warm the functions, and then tell what a person is to know."""
    with ExitStack() as stack:
        scratch = stack.enter_context(_scratch_folder())
        command = [str(cli), "dev", "--local", "--yes", "--listen", f"127.0.0.1:{port}"]
        child = stack.enter_context(running(command, cwd=ROOT, environ=_cli_environment(scratch)))
        warming = Warming(port, functions)
        stack.callback(warming.stop)
        threading.Thread(target=_warm_and_tell, args=(warming, child, told), daemon=True).start()
        try:
            return child.wait()
        except KeyboardInterrupt:
            ignore_stop_signals()
            warming.stop()
            child.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                return child.wait(STOP_TIMEOUT)
            return 130


def _say(line: str) -> None:
    print(line, flush=True)


class Warming:
    """Asks each function once, a few at a time: `vercel dev` builds a function when it is first asked for."""

    def __init__(self, port: int, functions: Sequence[str], report: Callable[[str], None] = _say) -> None:
        self.port, self.functions, self.report = port, functions, report
        self.stopped = threading.Event()
        self._started = 0
        self._starting = threading.Lock()

    def run(self) -> None:
        """Return when all are built, or when those are that were begun before `stop`."""
        with ThreadPoolExecutor(BUILDS_AT_ONCE) as pool:
            list(pool.map(self._warm, self.functions))

    def stop(self) -> None:
        """Ask no further function."""
        with self._starting:
            self.stopped.set()

    def _warm(self, function: str) -> None:
        with self._starting:
            if self.stopped.is_set():
                return
            self._started += 1
            self.report(f"Warming {self._started} of {len(self.functions)}: {function}")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=FIRST_CALL_TIMEOUT)
        # Whoever needs a function that cannot be built meets whatever is wrong with it.
        with closing(connection), suppress(OSError, http.client.HTTPException):
            connection.request("GET", function)
            connection.getresponse().read()


def _warm_and_tell(warming: Warming, child: subprocess.Popen[bytes], told: str) -> None:
    with suppress(AssertionError):  # the CLI ended; it has said why
        wait_for_port(warming.port, child, timeout=START_TIMEOUT)
        warming.run()
        wait_for_port(warming.port, child, timeout=START_TIMEOUT)
        if not warming.stopped.is_set():
            _say(told)


@contextmanager
def _scratch_folder() -> Iterator[str]:
    """A temporary folder. The CLI unpacks tens of thousands of files in it: nobody waits until they are removed."""
    folder = tempfile.mkdtemp(prefix="vercel-dev-")
    try:
        yield folder
    finally:
        nowhere = subprocess.DEVNULL
        command = [shutil.which("rm") or "/bin/rm", "-rf", folder]
        subprocess.Popen(command, stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True)


def _cli_environment(scratch: str) -> dict[str, str]:
    # `vercel dev` installs requirements with uv, which the virtual environment has.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    kept = {name: value for name, value in without_settings(os.environ).items() if name != "VIRTUAL_ENV"}
    options = f'{os.environ.get("NODE_OPTIONS", "")} --require "{PRELOAD}"'.strip()
    return {**kept, "PATH": path, "VERCEL_TELEMETRY_DISABLED": "1", "TMPDIR": scratch, "NODE_OPTIONS": options}


def _free(port: str) -> int:
    """A port that nobody listens on: the CLI itself would take another one. Raises PortError."""
    with listen(port, target="vercel-dev") as listening:
        number: int = listening.getsockname()[1]
        return number


def _quoted(value: str) -> str:
    quote = "'" if '"' in value else '"'
    return f"{quote}{value.replace(chr(10), chr(92) + 'n')}{quote}"


if __name__ == "__main__":
    sys.exit(main())
