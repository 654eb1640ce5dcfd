from __future__ import annotations

from datetime import date

import pytest

from dev.revision import main, next_revision


@pytest.mark.parametrize(
    ("head", "today", "expected"),
    [
        ("2026_11_24_01", date(2026, 11, 25), "2026_11_25_01"),
        ("2026_11_24_01", date(2026, 11, 24), "2026_11_24_02"),
        ("2026_11_24_09", date(2026, 11, 24), "2026_11_24_10"),
        ("2026_11_24_01", date(2026, 11, 23), "2026_11_24_02"),
    ],
)
def test_a_later_revision_compares_greater(head: str, today: date, expected: str) -> None:
    """Also the second of a day, and where this machine's clock is behind that of whoever wrote the last one."""
    assert next_revision(head, today) == expected
    assert expected > head


@pytest.mark.parametrize("arguments", [[], ["brand", "keywords"]])
def test_a_revision_needs_one_message(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Anything else is told how the command is used, before a database is started."""
    assert main(arguments) == 2
    assert "usage: " in capsys.readouterr().err
