"""Looks at the writes that wait for their turn in this process."""

from lib.http import admission


def arrived(user: str) -> int:
    """How many writes of the user have come and are not answered yet."""
    queue = admission._turns._queues.get(user)
    return len(queue.tickets) if queue else 0
