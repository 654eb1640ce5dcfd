"""The steps and providers that there are, for anybody: no token, no database."""

from dataclasses import asdict
from typing import Any

from lib.errors import NotFound
from lib.http.app import Call, Route
from lib.steps.providers import PROVIDERS, canonical

_CACHE_CONTROL = "public, max-age=300"


def config(call: Call) -> dict[str, Any]:
    """The steps of the wizard."""
    steps = [
        {
            "step_number": number,
            "number": number,
            "title": step.title,
            "description": step.description,
            "required": step.required,
        }
        for number, step in call.flow.numbered()
    ]
    return {"total_steps": len(call.flow), "steps": steps}


def providers(_call: Call) -> dict[str, Any]:
    """Every provider by its name."""
    return {name: asdict(provider) for name, provider in PROVIDERS.items()}


def setup(call: Call) -> dict[str, Any]:
    """How to get one provider's key."""
    name = canonical(call.parameters["provider"])
    if name is None:
        raise NotFound("There is no such provider.")
    return {"provider": name, **asdict(PROVIDERS[name])}


ROUTES = [
    Route(method="GET", path=path, handler=handler, public=True, cache_control=_CACHE_CONTROL)
    for path, handler in (
        ("/api/onboarding/config", config),
        ("/api/onboarding/catalogue", config),
        ("/api/onboarding/providers", providers),
        ("/api/onboarding/providers/{provider}/setup", setup),
    )
]
