"""What `make dev` says once it serves: on one screen of 80 × 24, what is where and the first request to send."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import wrap

from dev.settings import SAMPLE_USER

COLUMNS = 80
_STOPS = "(Ctrl-C stops it)"


def banner(url: str, facts: Mapping[str, str], *, has_own_clerk: bool) -> str:
    """The page's and the API's URL, the facts, and one command to paste; with an own Clerk, where its tokens are."""
    shown = {"Page": f"{url}/ reference, {url}/wizard", "API": f"{url}/api/onboarding/…", **facts}
    width = max(map(len, shown))
    title = f"Onboarding API on {url}"
    lines = [f"{title}{_STOPS:>{COLUMNS - len(title)}}", ""]
    for name, fact in shown.items():
        lines += wrapped(f"  {name:<{width}}  ", fact)
    return "\n".join(["", *lines, "", *_first_request(url, has_own_clerk=has_own_clerk), ""])


def wrapped(label: str, text: str) -> list[str]:
    """A label and a text beside it, in lines of 80 columns; a word that is longer stays whole, to be pasted."""
    lines = [line for part in text.splitlines() for line in _broken(part, COLUMNS - len(label))]
    return [f"{'' if number else label:<{len(label)}}{line}" for number, line in enumerate(lines)]


def _broken(text: str, width: int) -> list[str]:
    return wrap(text, width, break_long_words=False, break_on_hyphens=False)


def _first_request(url: str, *, has_own_clerk: bool) -> list[str]:
    if has_own_clerk:
        return [
            "The token of your page works here too; in the page's console:",
            "await Clerk.session.getToken()",
            "",
            f"curl {url}/api/health",
        ]
    return [
        f"A request of {SAMPLE_USER} (another user: make token USER=user_2abc):",
        "",
        f"curl {url}/api/onboarding/status \\",
        '  -H "Authorization: Bearer $(make -s token)"',
    ]
