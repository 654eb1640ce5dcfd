"""The scope of statements that read the rows of every user."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lib.db.bound import Bound
from lib.db.scope import DEFAULT_TIMING, Scope, Timing

OPERATOR_ROLE = "onboarding_operator"

# A count of everybody is one large statement: memory keeps its joins off the disk, and compiling it would take longer
# than running it.
COUNTING = f"SELECT set_config('role', '{OPERATOR_ROLE}', true), set_config('work_mem', '64MB', true)"
COUNTING += ", set_config('jit', 'off', true)"
"""The role, and settings for counting, of a transaction."""


@dataclass(frozen=True)
class OperatorScope(Scope):
    """Run as the role whose policies let it read every row, and which may write none.

    `of_cluster` makes what is asked where `is_cluster`, in place of what is asked of one server.
    """

    of_cluster: Callable[[], Bound[Any]] | None = None
    is_cluster: bool = False

    @property
    def is_for_one_server(self) -> bool:
        """Whether a cluster has to be asked in another way."""
        return not self.is_cluster

    def work(self, statements: Sequence[Bound[Any]]) -> Sequence[Bound[Any]]:
        """What is asked."""
        return [self.of_cluster()] if self.is_cluster and self.of_cluster else statements

    def statements(self, timing: Timing = DEFAULT_TIMING) -> list[Bound[Any]]:
        """The time limit of every statement, the role, and settings for counting."""
        return [*super().statements(timing), Bound(COUNTING, {})]
