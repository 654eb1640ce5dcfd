"""The session as a whole: where a user stands, and the changes that belong to no single step."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, TypedDict

from lib.db.bound import Bound
from lib.db.compiled import query, statement
from lib.db.database import Database
from lib.db.events import happened, onboarding_completed
from lib.db.guards import account_exists, required_by
from lib.json_text import JsonText
from lib.steps.definitions import STEPS, Flow, Status, StepDefinition
from lib.steps.progress import Progress, StepState


class ProgressRow(TypedDict):
    """The session with one of its steps; the step's columns are null where no step was ever touched."""

    id: int
    session_version: int
    furthest_step: str | None
    started_at: datetime
    updated_at: datetime
    finished_at: datetime | None
    has_key: bool
    has_ai_key: bool
    has_persona: bool
    step_key: str | None
    version: int
    status: Status
    completed_at: datetime | None
    has_data: bool
    data_too_large: bool
    data: str | None
    validation_errors: str | None


_LOAD = query("sessions.LOAD", ProgressRow)
_ENSURE = statement("sessions.ENSURE")
_CHANGE = statement("sessions.CHANGE")
_ADVANCE = statement("sessions.ADVANCE")
_FINISH = statement("sessions.FINISH")
_RESET_STEPS = statement("sessions.RESET_STEPS")
_RESET_SESSION = statement("sessions.RESET_SESSION")
_ERASE = statement("sessions.ERASE")


def load(
    database: Database, user_id: str, with_data: Collection[StepDefinition] = (), known: Collection[str] = ()
) -> Progress:
    """Where the user stands, with `data` and `validation_errors` (as finished JSON) of the steps `with_data`.

    Without them where the caller knows the progress: where its `tag` is among `known`.
    """
    return _progress(database.read(user_id, _LOAD(with_data=[step.key for step in with_data], known=known)))


def start(database: Database, user_id: str) -> Progress:
    """Create the user's session if there is none."""
    return write_and_load(database, user_id, ensured())


def finish(database: Database, user_id: str, flow: Flow) -> Progress:
    """Finish onboarding if what the flow requires is there; else the progress is not completed.

    Onboarding that is finished already keeps the time at which it was.
    """
    statements = [account_exists(), _FINISH(**required_by(flow)), onboarding_completed()]
    return write_and_load(database, user_id, statements).in_flow(flow)


def reset(database: Database, user_id: str) -> None:
    """Set every step back to pending; what they stored stays."""
    database.write(user_id, [account_exists(), _RESET_STEPS(), _RESET_SESSION(), happened("onboarding.reset")])


def erase(database: Database, user_id: str) -> None:
    """Delete everything of this user; children go with the session."""
    database.write(user_id, [account_exists(), _ERASE()])


def ensured() -> list[Bound[Any]]:
    """The statements that begin a write: the account was not deleted, and the session is there."""
    return [account_exists(), _ENSURE()]


def changed() -> list[Bound[Any]]:
    """The statements that begin a write to what is stored already: the account was not deleted, a new version."""
    return [account_exists(), _CHANGE()]


def advanced(step: StepDefinition) -> list[Bound[Any]]:
    """As `ensured`, and the session has got at least as far as `step`."""
    later = [other.key for other in STEPS[STEPS.index(step) + 1 :]]
    return [account_exists(), _ADVANCE(furthest_step=step.key, later_steps=later)]


def write_and_load(database: Database, user_id: str, statements: Sequence[Bound[Any]]) -> Progress:
    """Run the statements of a write, and give where the user stands after them."""
    return _progress(database.write_and_read(user_id, statements, _LOAD(with_data=[], known=[])))


def _progress(rows: Sequence[ProgressRow]) -> Progress:
    if not rows:
        return Progress()
    first = rows[0]
    return Progress(
        session_id=first["id"],
        version=first["session_version"],
        furthest_step=first["furthest_step"],
        started_at=first["started_at"],
        updated_at=first["updated_at"],
        completed_at=first["finished_at"],
        has_key=first["has_key"],
        has_ai_key=first["has_ai_key"],
        has_persona=first["has_persona"],
        steps={key: _state(row) for row in rows if (key := row["step_key"]) is not None},
    )


def _state(row: ProgressRow) -> StepState:
    data, errors = row["data"], row["validation_errors"]
    return StepState(
        status=row["status"],
        completed_at=row["completed_at"],
        has_data=row["has_data"],
        data_too_large=row["data_too_large"],
        data=None if data is None else JsonText(data),
        validation_errors=[] if errors is None else JsonText(errors),
        version=row["version"],
    )
