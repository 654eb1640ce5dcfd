"""How far a long run is: a bar with rate and time left on a terminal, a plain line now and then elsewhere."""

import shutil
import sys
import time
from typing import TextIO

_REDRAW_S = 0.2
_PLAIN_LINE_S = 10.0


class ProgressLine:
    """Shows `done` of `total`; call `advance` as often as you like."""

    def __init__(self, total: int, unit: str, stream: TextIO = sys.stderr) -> None:
        self._total, self._unit, self._stream = total, unit, stream
        self._is_terminal = stream.isatty()
        self._done = 0
        self._started = self._shown = time.monotonic()

    def advance(self, count: int) -> None:
        """Add `count`, and show it if it is time to."""
        self._done += count
        now = time.monotonic()
        if now - self._shown >= (_REDRAW_S if self._is_terminal else _PLAIN_LINE_S):
            self._show(now)

    def finish(self) -> None:
        """Show the end, once."""
        self._show(time.monotonic())
        if self._is_terminal:
            self._stream.write("\n")

    def _show(self, now: float) -> None:
        self._shown = now
        rate = self._done / max(now - self._started, 1e-9)
        left = (self._total - self._done) / rate if rate else 0.0
        text = f"{self._done}/{self._total} {self._unit}, {rate:.0f}/s, {left:.0f} s left"
        self._stream.write(f"\r{self._bar(text)}" if self._is_terminal else f"{text}\n")
        self._stream.flush()

    def _bar(self, text: str) -> str:
        width = max(shutil.get_terminal_size().columns - len(text) - 4, 0)
        filled = width * self._done // max(self._total, 1)
        return f"[{'#' * filled}{'.' * (width - filled)}] {text}"
