"""What can go wrong in the domain. No HTTP in here: `lib.http.problems` gives each its status."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

type ProblemCode = Literal[
    "ai_backend_failed",
    "ai_backend_timeout",
    "bad_request",
    "conflict",
    "internal_error",
    "invalid_data",
    "limit_reached",
    "malformed_body",
    "malformed_validator",
    "method_not_allowed",
    "not_found",
    "onboarding_incomplete",
    "payload_too_large",
    "too_many_requests",
    "unauthenticated",
    "unavailable",
    "unsupported_media_type",
    "version_mismatch",
]
"""What a program may tell problems apart by. Each has its entry on the page `/problems`."""

type FieldCode = Literal[
    "api_key_missing",
    "contains_key",
    "invalid_choice",
    "invalid_key",
    "invalid_url",
    "invalid_value",
    "masked_key",
    "more_errors",
    "required",
    "research_missing",
    "step_not_completed",
    "too_large",
    "too_long",
    "too_short",
    "unknown_provider",
    "unread_field",
    "unstorable_text",
    "website_missing",
    "wrong_type",
]
"""What is wrong with one field, for programs and translations."""


MAX_ERRORS = 20
"""How many refused fields are named. The others are counted."""

MAX_FIELD_CHARACTERS = 200
"""How much of a field's path is shown."""


class OnboardingError(Exception):
    """Base of every error whose `detail` may be shown to the person who caused it."""

    code: ProblemCode = "bad_request"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

    @property
    def members(self) -> Mapping[str, object]:
        """What else a program may know of it, by name."""
        return {}


@dataclass(frozen=True)
class FieldError:
    """One refused field: its dotted path in the body, and a message that completes a sentence beginning with it."""

    field: str
    code: FieldCode
    message: str


class InvalidData(OnboardingError):
    """The body is well formed but breaks a rule; `errors` names the refused fields, the first one in `detail`.

    `more` counts those that `errors` leaves out.
    """

    code: ProblemCode = "invalid_data"

    def __init__(self, errors: Sequence[FieldError], more: int = 0) -> None:
        super().__init__(f"{errors[0].field[:MAX_FIELD_CHARACTERS]} {errors[0].message}.")
        self.errors = errors
        self.more = more


class PayloadTooLarge(InvalidData):
    """A field holds more than may be stored."""

    code: ProblemCode = "payload_too_large"


class LimitReached(OnboardingError):
    """The user has stored as much as one user may."""

    code: ProblemCode = "limit_reached"


@dataclass
class Refusals:
    """The refused fields of a body: the first are kept, the others only counted, however many there are."""

    errors: list[FieldError] = field(default_factory=list)
    more: int = 0

    def add(self, make: Callable[[], FieldError]) -> None:
        """Add one; it is only made where it is kept."""
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(make())
        else:
            self.more += 1

    def raise_if_any(self) -> None:
        """Raises `InvalidData` where a field was refused."""
        if self.errors:
            raise InvalidData(self.errors, self.more)


class NotFound(OnboardingError):
    """There is no such thing, or it is somebody else's."""

    code: ProblemCode = "not_found"


class Conflict(OnboardingError):
    """The request is fine, but not in the state that the onboarding is in."""

    code: ProblemCode = "conflict"


class Incomplete(Conflict):
    """Onboarding cannot be finished; `entries` are the requirements that are not met."""

    code: ProblemCode = "onboarding_incomplete"

    def __init__(self, detail: str, entries: Sequence[Mapping[str, object]] = ()) -> None:
        super().__init__(detail)
        self.entries = entries

    @property
    def members(self) -> Mapping[str, object]:
        """The entries as errors."""
        return {"errors": list(self.entries)}


class VersionMismatch(OnboardingError):
    """A conditional write for another version of the step than the stored one; nothing was stored."""

    code: ProblemCode = "version_mismatch"

    def __init__(self, current_version: int | None = None, current: Mapping[str, object] | None = None) -> None:
        super().__init__("This step was changed meanwhile. Look at what is stored now before you save again.")
        self.current_version = current_version
        self.current = current

    @property
    def members(self) -> Mapping[str, object]:
        """The step as it is stored."""
        return {"current_version": self.current_version, "current": self.current}


class AlreadyReceived(OnboardingError):
    """The same delivery of a webhook was acted upon before; its endpoint answers as it did then."""

    def __init__(self) -> None:
        super().__init__("This delivery was received before.")


class Unauthenticated(OnboardingError):
    """No token, or one that is not valid."""

    code: ProblemCode = "unauthenticated"


class TooManyRequests(OnboardingError):
    """One user has sent more at once than can be worked off in order; trying again soon will do."""

    code: ProblemCode = "too_many_requests"


class AiBackendFailed(OnboardingError):
    """The AI backend gave no answer that can be used. `reason` is for the operator's log alone."""

    code: ProblemCode = "ai_backend_failed"

    def __init__(self, reason: str, detail: str = "The AI service gave no usable answer. Please try again.") -> None:
        super().__init__(detail)
        self.reason = reason


class AiBackendTimeout(AiBackendFailed):
    """The AI backend took too long."""

    code: ProblemCode = "ai_backend_timeout"

    def __init__(self, reason: str) -> None:
        super().__init__(reason, "The AI service took too long. Please try again.")


class Unavailable(OnboardingError):
    """Something the service depends on is missing; trying again later may help.

    `reason` is for the operator's log and is never shown to a caller.
    """

    code: ProblemCode = "unavailable"

    def __init__(self, detail: str, reason: str) -> None:
        super().__init__(detail)
        self.reason = reason
