"""What can go wrong in the domain. No HTTP in here: `lib.http.problems` gives each its status."""

from dataclasses import dataclass


class OnboardingError(Exception):
    """Base of every error whose `detail` may be shown to the person who caused it."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


@dataclass(frozen=True)
class FieldError:
    """One refused field: its dotted path in the body, and a message that completes a sentence beginning with it."""

    field: str
    message: str


class InvalidData(OnboardingError):
    """The body is well formed but breaks a rule; `errors` names each refused field, the first one in `detail`."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__(f"{errors[0].field} {errors[0].message}.")
        self.errors = errors


class NotFound(OnboardingError):
    """There is no such thing, or it is somebody else's."""


class Conflict(OnboardingError):
    """The request is fine, but not in the state that the onboarding is in."""


class Unauthenticated(OnboardingError):
    """No token, or one that is not valid."""


class AiBackendFailed(OnboardingError):
    """The AI backend gave no answer that can be used. `reason` is for the operator's log alone."""

    def __init__(self, reason: str, detail: str = "The AI service gave no usable answer. Please try again.") -> None:
        super().__init__(detail)
        self.reason = reason


class AiBackendTimeout(AiBackendFailed):
    """The AI backend took too long."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, "The AI service took too long. Please try again.")


class Unavailable(OnboardingError):
    """Something the service depends on is missing; trying again later may help.

    `reason` is for the operator's log and is never shown to a caller.
    """

    def __init__(self, detail: str, reason: str) -> None:
        super().__init__(detail)
        self.reason = reason
