"""The providers whose API keys the wizard collects."""

from dataclasses import dataclass

AI_PROVIDERS = ("openai", "gemini", "anthropic", "mistral")


@dataclass(frozen=True)
class Provider:
    """How a provider is presented in the wizard."""

    name: str
    description: str
    setup_url: str
    required_fields: tuple[str, ...] = ("api_key",)


PROVIDERS = {
    "openai": Provider("OpenAI", "GPT models for content generation", "https://platform.openai.com/api-keys"),
    "gemini": Provider("Google Gemini", "Google's models for content creation", "https://aistudio.google.com/apikey"),
    "anthropic": Provider(
        "Anthropic", "Claude models for sophisticated content generation", "https://console.anthropic.com/settings/keys"
    ),
    "mistral": Provider("Mistral AI", "Open and commercial European models", "https://console.mistral.ai/api-keys"),
    "tavily": Provider("Tavily", "Web search made for AI research", "https://app.tavily.com/home"),
    "serper": Provider("Serper", "Google search results as data", "https://serper.dev/api-key"),
    "exa": Provider("Exa", "Semantic web search and competitor discovery", "https://dashboard.exa.ai/api-keys"),
    "firecrawl": Provider("Firecrawl", "Crawls a website into clean text", "https://www.firecrawl.dev/app/api-keys"),
    "stability": Provider("Stability AI", "Image generation", "https://platform.stability.ai/account/keys"),
    "copilotkit": Provider("CopilotKit", "The in-app assistant", "https://cloud.copilotkit.ai"),
}

# Exa was called Metaphor, and some callers still say so.
_ALIASES = {"metaphor": "exa"}


def canonical(provider: str) -> str | None:
    """The provider's own name in lower case, aliases resolved; None for one that is not supported."""
    name = provider.strip().lower()
    name = _ALIASES.get(name, name)
    return name if name in PROVIDERS else None
