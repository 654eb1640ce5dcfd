"""The steps and providers that there are, for anybody: no token, no database."""

from typing import TYPE_CHECKING

from lib.errors import NotFound
from lib.http.app import Call, Route
from lib.steps.providers import PROVIDERS, Provider, canonical

if TYPE_CHECKING:
    from lib.http.answers import Config, ProviderInfo, ProviderSetup, StepInConfig

_CACHE_CONTROL = "public, max-age=300"


def config(call: Call) -> "Config":
    """The steps of the wizard."""
    steps: list[StepInConfig] = [
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


def providers(_call: Call) -> "dict[str, ProviderInfo]":
    """Every provider by its name."""
    return {name: _shown(provider) for name, provider in PROVIDERS.items()}


def setup(call: Call) -> "ProviderSetup":
    """How to get one provider's key."""
    name = canonical(call.parameters["provider"])
    if name is None:
        raise NotFound("There is no such provider.")
    return {"provider": name, **_shown(PROVIDERS[name])}


def _shown(provider: Provider) -> "ProviderInfo":
    return {
        "name": provider.name,
        "description": provider.description,
        "setup_url": provider.setup_url,
        "required_fields": list(provider.required_fields),
    }


ROUTES = [
    Route(method="GET", path=path, handler=handler, public=True, cache_control=_CACHE_CONTROL)
    for path, handler in (
        ("/api/onboarding/config", config),
        ("/api/onboarding/catalogue", config),
        ("/api/onboarding/providers", providers),
        ("/api/onboarding/providers/{provider}/setup", setup),
    )
]
