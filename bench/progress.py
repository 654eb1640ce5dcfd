"""A line on the terminal that says what is being measured, and since when."""

from __future__ import annotations

import sys
import time

_STARTED = time.monotonic()


def say(text: str) -> None:
    """Replace the line; where nobody watches, print a new one for each topic."""
    seconds = int(time.monotonic() - _STARTED)
    line = f"[{seconds // 60}:{seconds % 60:02}] {text}"
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{line}")
    else:
        sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
