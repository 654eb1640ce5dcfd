"""How many bytes of bodies are in memory at once: parsed, a body takes up to 22 times its size."""

import threading

SMALL_BODY_BYTES = 64 * 1024
ROOM_FOR_SMALL_BYTES = 8 * 1024 * 1024
ROOM_FOR_LARGE_BYTES = 12 * 1024 * 1024
"""Three of the largest bodies: with five connections, large uploads never take them all."""


class Room:
    """A number of bytes that requests hold parts of. Safe to use from many threads."""

    def __init__(self, size: int) -> None:
        self._free = size
        self._changed = threading.Condition()

    def enter(self, size: int, timeout: float) -> bool:
        """Hold `size` bytes once they are free. Whether they were within `timeout` seconds."""
        with self._changed:
            has_room = self._changed.wait_for(lambda: self._free >= size, timeout)
            if has_room:
                self._free -= size
            return has_room

    def leave(self, size: int) -> None:
        """Give the bytes back."""
        with self._changed:
            self._free += size
            self._changed.notify_all()
