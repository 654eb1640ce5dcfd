"""The funnel in a terminal."""

from __future__ import annotations

import csv
import json
from io import StringIO

import pytest

from dev.harness.client import Client
from dev.harness.wizard import walk
from scripts.funnel import UNUSABLE, duration, lines, main
from tests.support.inspection import Superuser


def test_the_table_fits_80_columns_and_json_and_csv_have_the_same_figures(
    http: Client, database: Superuser, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bar for each step; the day that was asked for is in the heading, and whoever started before it is left out."""
    walk(http, "user_a", 1, 2)
    walk(http, "user_b", 1)
    database.execute("UPDATE onboarding_sessions SET started_at = '2026-10-31' WHERE user_id = 'user_b'")
    assert main([]) == 0
    table = capsys.readouterr().out
    assert max(map(len, table.splitlines())) <= 80
    assert "Started: 2" in table
    assert main(["--since", "2026-11-01"]) == 0
    assert "Started since 2026-11-01: 1\n" in capsys.readouterr().out
    assert main(["--json"]) == 0
    steps = json.loads(capsys.readouterr().out)["steps"]
    assert main(["--csv"]) == 0
    rows = list(csv.DictReader(StringIO(capsys.readouterr().out)))
    assert (
        [row["reached"] for row in rows] == [str(step["reached"]) for step in steps] == ["2", "2", "1", "0", "0", "0"]
    )


def test_millions_fit_too() -> None:
    """No column moves for a large number or a long time."""
    step = {"step_number": 1, "step": "api_keys", "title": "AI LLM Providers", "reached": 123_456_789}
    step |= {"finished": 12_345, "skipped": 99_999, "in_progress": 999_999, "median_seconds": 35_999.0}
    found = {"started": 123_456_789, "completed": 1, "stuck_over_7_days": 2, "steps": [step]}
    shown = list(lines(found, None))  # type: ignore[arg-type] # a funnel of one step, put together from two parts
    assert [len(line) for line in shown[-2:]] == [80, 80]
    assert [duration(seconds) for seconds in (None, 59.4, 90, 7_200, 864_000)] == [
        "–",
        "59 s",
        "1.5 min",
        "2.0 h",
        "10 d",
    ]


def test_a_database_that_cannot_be_used_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, and no password in it."""
    monkeypatch.setenv("DATABASE_URL_UNPOOLED", "postgresql://someone:hunter2@127.0.0.1:1/nothing")
    assert main([]) == UNUSABLE
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert "hunter2" not in printed.out + printed.err
