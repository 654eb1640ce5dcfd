"""What each user was told, and what each answer shows of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Account:
    """The writes of one user in the order in which they were sent, numbered from 1; some of them erase everything."""

    erasing: set[int] = field(default_factory=set)
    last_sent: int = 0
    last_acknowledged: int = 0

    def next_write(self, *, erases: bool = False) -> int:
        """The number of a write that is about to be sent."""
        self.last_sent += 1
        if erases:
            self.erasing.add(self.last_sent)
        return self.last_sent

    @property
    def may_be_empty(self) -> bool:
        """Whether nothing was stored, or one of the writes that may have been the last one has erased it."""
        return self.last_acknowledged == 0 or any(number >= self.last_acknowledged for number in self.erasing)


@dataclass
class Ledger:
    """Counts what went wrong. A user's requests come one after the other, so each account has one writer."""

    accounts: dict[str, Account] = field(default_factory=dict)
    wrong: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def account(self, user: str) -> Account:
        """The account of a user."""
        return self.accounts.setdefault(user, Account())

    def check(self, user: str, shown: object) -> None:
        """Compare the data that an answer shows of a user, `{"user": …, "number": …}` or None, with the account.

        A write that was acknowledged may only be replaced by a later one. One without a good answer may be stored.
        """
        account = self.account(user)
        if shown is None:
            if not account.may_be_empty:
                self._note("acknowledged lost", f"{user} sees nothing, not {account.last_acknowledged}")
        elif not isinstance(shown, dict) or shown.get("user") != user:
            self._note("users crossed", f"{user} sees {shown}")
        elif not account.last_acknowledged <= shown["number"] <= account.last_sent:
            self._note("overwritten by older", f"{user} sees {shown['number']}, not {account.last_acknowledged}")

    def _note(self, kind: str, example: str) -> None:
        self.wrong[kind] += 1
        self.examples.append(f"{kind}: {example}")
