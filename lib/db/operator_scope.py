"""The scope of statements that read the rows of every user."""

from typing import Any

from lib.db.engine import Scope
from lib.db.statements import Bound

OPERATOR_ROLE = "onboarding_operator"


class OperatorScope(Scope):
    """Run as the role whose policies let it read every row, and which may write none."""

    def statements(self) -> list[Bound[Any]]:
        """The time limit of every statement, and the role."""
        return [*super().statements(), Bound(f"SELECT set_config('role', '{OPERATOR_ROLE}', true)", {})]
