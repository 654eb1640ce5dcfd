"""The server's clock as we know it, so that a deadline can be checked by the server itself."""

WORST_READING_S = 1.0
"""A reading that took longer says too little to begin with."""


class ServerClock:
    """What one connection knows of its server's clock. Our own clock is the monotonic one: it is never set.

    A reading is taken somewhere between sending and receiving. Counting it as taken at the very end makes every
    estimate early by at most that span and never late, so what the server is told to refuse after a moment is refused
    by then.
    """

    def __init__(self) -> None:
        self._offset: float | None = None

    @property
    def is_known(self) -> bool:
        """Whether there was a reading."""
        return self._offset is not None

    def note(self, reading: float, sent: float, received: float) -> None:
        """Take in a reading in seconds since 1970, and the monotonic moments around it.

        The highest estimate is the most precise one, unless the reading shows that the clock was set back since.
        """
        lowest, highest = reading - received, reading - sent
        if self._offset is None:
            self._offset = lowest if highest - lowest <= WORST_READING_S else None
        else:
            self._offset = lowest if highest < self._offset else max(self._offset, lowest)

    def at(self, moment: float) -> float:
        """What the server's clock shows at a monotonic moment, or somewhat less. Needs a reading."""
        if self._offset is None:
            raise RuntimeError("the server's clock was not read yet")
        return moment + self._offset
