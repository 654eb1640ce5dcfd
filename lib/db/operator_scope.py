"""The scope of statements that read the rows of every user."""

from typing import Any

from lib.db.bound import Bound
from lib.db.scope import DEFAULT_TIMING, Scope, Timing

OPERATOR_ROLE = "onboarding_operator"

# A count of everybody is one large statement: memory keeps its joins off the disk, and compiling it would take longer
# than running it. Where Citus has spread the users over workers, a step meets its session by an id that says nothing of
# the place of either.
COUNTING = f"SELECT set_config('role', '{OPERATOR_ROLE}', true), set_config('work_mem', '64MB', true)"
COUNTING += ", set_config('jit', 'off', true), set_config('citus.enable_repartition_joins', 'on', true)"
"""The role, and settings for counting, of a transaction."""


class OperatorScope(Scope):
    """Run as the role whose policies let it read every row, and which may write none."""

    def statements(self, timing: Timing = DEFAULT_TIMING) -> list[Bound[Any]]:
        """The time limit of every statement, the role, and settings for counting."""
        return [*super().statements(timing), Bound(COUNTING, {})]
