"""`make doctor`: scripts/doctor.py on the settings of `make dev`, or on a deployment whose URL is given."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence

if __name__ == "__main__":  # the imports below take seconds: until main, Ctrl-C ends us without a traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from dev.choices import ChoiceError, Choices
from dev.environment import development
from dev.local_postgres import LocalPostgresError
from dev.settings import ROOT, KeyFolderError, without_settings
from dev.stopping import INTERRUPTED, interrupt_on_stop_signals
from dev.validation import tell_misspelt_names


def main() -> int:
    """Run the doctor, and return its exit code."""
    try:
        interrupt_on_stop_signals()
        if arguments := sys.argv[1:]:
            return _doctor(arguments, os.environ)
        choices = Choices.read()
        tell_misspelt_names(choices)
        with development(choices) as environment:
            return _doctor([], {**without_settings(os.environ), **environment.variables})
    except (ChoiceError, LocalPostgresError, KeyFolderError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _doctor(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    command = [sys.executable, str(ROOT / "scripts" / "doctor.py"), *arguments]
    return subprocess.run(command, env=dict(environ), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
