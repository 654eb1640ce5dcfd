"""Validates a payload by a step's model, and names every refused field by its path in the request's body."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import PydanticCustomError

from lib.errors import FieldCode, FieldError, InvalidData

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


class Payload(BaseModel):
    """Base of the steps' models. Unknown fields are kept; an error never shows what was sent."""

    model_config = ConfigDict(extra="allow", strict=True, hide_input_in_errors=True)


def validated[Model: BaseModel](model: type[Model], payload: Mapping[str, Any], prefix: str) -> Model:
    """Validate `payload`. Raises `InvalidData` with fields such as `data.corePersona.identity`."""
    try:
        return model.model_validate(payload)
    except ValidationError as error:
        problems = error.errors(include_input=False, include_url=False)
        raise InvalidData([_field_error(problem, prefix) for problem in problems]) from None


_REFUSED = "refused"


def refusal(code: FieldCode, message: str) -> PydanticCustomError:
    """What a validator of a model raises. The message completes a sentence that begins with the field."""
    return PydanticCustomError(_REFUSED, "{message}", {"code": code, "message": message})


def _field_error(problem: "ErrorDetails", prefix: str) -> FieldError:
    path = ".".join(part for part in (prefix, *map(str, problem["loc"])) if part)
    context = problem.get("ctx", {})
    if problem["type"] == _REFUSED:
        return FieldError(path, context["code"], context["message"])
    if kind := _KINDS.get(problem["type"]):
        code, message = kind
        return FieldError(path, code, message.format(**context))
    return FieldError(path, "invalid_value", problem["msg"])


# pydantic's kinds of errors: our code, and our words, which complete a sentence that begins with the field.
_KINDS: dict[str, tuple[FieldCode, str]] = {
    "missing": ("required", "is required"),
    "string_type": ("wrong_type", "must be a string"),
    "bool_type": ("wrong_type", "must be true or false"),
    "dict_type": ("wrong_type", "must be an object"),
    "model_type": ("wrong_type", "must be an object"),
    "model_attributes_type": ("wrong_type", "must be an object"),
    "list_type": ("wrong_type", "must be a list"),
    "too_short": ("too_short", "must not be empty"),
    "string_too_short": ("too_short", "must have at least {min_length} characters"),
    "string_too_long": ("too_long", "must have at most {max_length} characters"),
}
