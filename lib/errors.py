"""What can go wrong in the domain. No HTTP in here: `lib.http.problems` gives each its status."""

from collections.abc import Callable, Sequence
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
    "method_not_allowed",
    "not_found",
    "payload_too_large",
    "unauthenticated",
    "unavailable",
    "unsupported_media_type",
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
    "too_large",
    "too_long",
    "too_short",
    "unknown_provider",
    "unstorable_text",
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


class Unauthenticated(OnboardingError):
    """No token, or one that is not valid."""

    code: ProblemCode = "unauthenticated"


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
