"""Masks what looks like a secret in text that a caller chose, before it gets into a log."""

from lib.steps.api_keys import LIKE_A_SECRET, masked


def without_secrets(text: str) -> str:
    """The text with everything masked that looks like a key or a token."""
    return LIKE_A_SECRET.sub(lambda found: masked(found[0]), text)
