"""Masks what looks like a secret in text that a caller chose, before it gets into a log."""

import re

from lib.steps.api_keys import masked

# Begins like the keys that the wizard asks for, or is as long as a key or a token and unlike any word.
_LIKE_A_SECRET = re.compile(r"(?:AIza|ck_pub_|sk-)[\w-]{4,}|(?=[\w-]*\d)[\w-]{20,}", re.ASCII)


def without_secrets(text: str) -> str:
    """The text with everything masked that looks like a key or a token."""
    return _LIKE_A_SECRET.sub(lambda found: masked(found[0]), text)
