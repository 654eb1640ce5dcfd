"""Step 1, and the stored keys."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from lib.db import api_keys
from lib.errors import NotFound
from lib.http.app import NO_CONTENT, Answer, Call, Route
from lib.http.step_routes import StepHandlers, Submission, log_saved, step_routes
from lib.json_text import JsonText
from lib.steps.api_keys import (
    is_masked,
    key_problem,
    masked,
    refuse_other_masks,
    submitted_key,
    submitted_keys,
    without_secrets,
)
from lib.steps.definitions import API_KEYS
from lib.steps.limits import MAX_NOTES_BYTES, refuse_too_large
from lib.steps.named_keys import could_name_keys, refuse_named_keys
from lib.steps.progress import Progress, StepState
from lib.steps.providers import canonical

if TYPE_CHECKING:
    from lib.http.answers import KeyList, KeySaved, KeysValidated


def list_masked(call: Call) -> "KeyList":
    """The configured keys, masked."""
    return _listing({provider: masked(key) for provider, key in _stored_keys(call).items()})


def list_whole(call: Call) -> "KeyList":
    """The configured keys as they are: the one place that shows them, for the wizard's own form."""
    sealed = api_keys.reveal(call.database, call.user.id, call.user.actor)
    return _listing(_decrypted(call, sealed))


def save_key(call: Call) -> "KeySaved":
    """Store one key."""
    body = call.body()
    provider, key = submitted_key(body.get("provider"), body.get("api_key"))
    others = {name: value for name, value in body.items() if name not in {"provider", "api_key"}}
    details = without_secrets(others, [key])
    refuse_too_large("description", details, MAX_NOTES_BYTES)
    if could_name_keys(details):
        refuse_named_keys(details, _stored_keys(call).values())
    if is_masked(key):
        # Nothing has to be written: it was stored when it was read.
        refuse_other_masks({provider: key}, _stored_keys(call), lambda _: "api_key")
        return {"message": f"API key for {provider} unchanged.", "provider": provider, "status": "saved"}
    sealed = call.key_ring.encrypt(call.user.id, provider, key)
    api_keys.save(call.database, call.user.id, provider, sealed, details or None)
    log_saved(call, f"API key for {provider}")
    return {"message": f"API key for {provider} saved.", "provider": provider, "status": "saved"}


def delete_key(call: Call) -> Answer[None]:
    """Delete one key, whether there was one or not."""
    provider = canonical(call.parameters["provider"])
    if provider is None:
        raise NotFound("There is no such provider.")
    api_keys.remove(call.database, call.user.id, provider)
    return NO_CONTENT


def validate_keys(call: Call) -> "KeysValidated":
    """Validate the stored keys by the format rules."""
    problems = {provider: key_problem(provider, key) for provider, key in _stored_keys(call).items()}
    return {
        "validation_results": {
            provider: {"valid": problem is None, "error": problem} for provider, problem in problems.items()
        },
        "all_valid": not any(problems.values()),
        "total_providers": len(problems),
    }


def _read_step(call: Call, _known_versions: Collection[int]) -> StepState:
    row = api_keys.read_with_step(call.database, call.user.id)
    keys = {provider: masked(key) for provider, key in _decrypted(call, api_keys.by_provider(row)).items()}
    step = row["step"]
    data = step["data"] if step else None
    shown = {**(data or {}), "api_keys": keys} if keys or data is not None else None
    if step is None:
        return StepState(data=shown)
    return StepState(
        status=step["status"],
        completed_at=_time(step["completed_at"]),
        data=shown,
        validation_errors=step["validation_errors"],
        draft=None if step["draft"] is None else JsonText(step["draft"]),
        draft_saved_at=_time(step["draft_saved_at"]),
        version=step["version"],
    )


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _save_step(call: Call, submission: Submission) -> tuple[Progress, object]:
    submitted = submitted_keys(submission.payload)
    user_id = call.user.id
    unchanged = _unchanged_keys(call, submitted.masks) if submitted.masks else {}
    sealed = {provider: call.key_ring.encrypt(user_id, provider, key) for provider, key in submitted.keys.items()}
    errors = without_secrets(submission.validation_errors, list(submitted.keys.values()))
    if could_name_keys([submitted.other_fields, errors]):
        fields = {"data": submitted.other_fields, "validation_errors": errors}
        refuse_named_keys(fields, _stored_keys(call).values())
    progress = api_keys.complete_step(
        call.database, user_id, submitted.other_fields, errors, sealed, unchanged, if_match=submission.if_match
    )
    for provider in submitted.keys:
        log_saved(call, f"API key for {provider}")
    keys = {provider: masked(key) for provider, key in submitted.keys.items()}
    return progress, {**submitted.other_fields, "api_keys": keys}


def _unchanged_keys(call: Call, masks: Mapping[str, str]) -> dict[str, bytes]:
    """The ciphertext of the keys whose masks were sent back. Raises `InvalidData` for any other mask."""
    sealed = api_keys.read(call.database, call.user.id)
    refuse_other_masks(masks, _decrypted(call, sealed), lambda provider: f"data.api_keys.{provider}")
    return {provider: sealed[provider] for provider in masks}


def _stored_keys(call: Call) -> dict[str, str]:
    return _decrypted(call, api_keys.read(call.database, call.user.id))


def _decrypted(call: Call, sealed: dict[str, bytes]) -> dict[str, str]:
    return call.key_ring.decrypt_all(call.user.id, sealed) if sealed else {}


def _listing(keys: dict[str, str]) -> "KeyList":
    return {"api_keys": keys, "total_providers": len(keys), "configured_providers": list(keys)}


STEP = StepHandlers(API_KEYS, _save_step, _read_step)

ROUTES = [
    Route("GET", "/api/onboarding/api-keys", list_masked),
    Route("GET", "/api/onboarding/api_keys", list_masked),
    Route("GET", "/api/onboarding/api-keys/onboarding", list_whole),
    Route("POST", "/api/onboarding/api-keys", save_key),
    Route("POST", "/api/onboarding/api-keys/validate", validate_keys),
    Route("DELETE", "/api/onboarding/api-keys/{provider}", delete_key),
    *step_routes(API_KEYS),
]
