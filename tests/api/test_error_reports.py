"""What the page's error boundary reports: one log line each, whatever was sent."""

from __future__ import annotations

import json

import pytest

from dev.harness.client import Client
from dev.harness.wizard import COPILOTKIT, EXA, GEMINI

PATH = "/api/log-error"


@pytest.mark.parametrize(
    "body",
    [
        b'{"message": "a component failed", "stack": "Error\\n  at Step"}',
        b"plain text\nwith lines\r\nand \x1b[31mcolour\x1b[0m \xe2\x80\xa8 more",
        b"\xff\xfe\x00",
        b"",
        b"[" * 100_000,
        b"x" * 1_000_000,
        "Grüße 👋 ".encode() * 5_000,
    ],
    ids=["json", "control", "binary", "empty", "deep", "long", "wide"],
)
def test_a_report_is_one_line_of_2_kb_at_most(http: Client, caplog: pytest.LogCaptureFixture, body: bytes) -> None:
    """A 204 without a token; nobody can write a second line or a colour into the log."""
    response = http.request("POST", PATH, body=body, headers={"X-Request-Id": "r" * 128})
    assert (response.status, response.body) == (204, b"")
    (record,) = [record for record in caplog.records if record.name.endswith("error_reports")]
    line = f"{record.levelname} {record.getMessage()}"
    assert len(line.encode()) <= 2048
    assert line.isprintable()


def test_a_report_never_brings_a_key_into_the_log(http: Client, caplog: pytest.LogCaptureFixture) -> None:
    """A page that reports its state reports what was typed: anything that looks like a key or a token is masked."""
    token = http.sign("user_2reporter")
    letters = "abcdefghijklmnop"
    short_parts = "eyJhIjoxfQ.eyJiIjoyfQ.c2ln"
    secrets = [GEMINI, EXA, COPILOTKIT, "sk-proj-0123456789abcdefghij", token]
    secrets += [
        f"tvly-{letters}",
        f"Bearer {letters}xyz",
        f"fc-{letters}",
        f"whsec_{letters}",
        short_parts,
        "eyJiIjoyfQ",
    ]
    http.post(PATH, json={"state": secrets, "nested": json.dumps(secrets), "message": "the key was refused"})
    assert "the key was refused" in caplog.text
    assert [secret for secret in secrets if secret in caplog.text] == []


def test_only_a_post_is_answered(http: Client) -> None:
    """And a body over 4 MiB is refused like any other."""
    assert http.get(PATH).status == 405
    assert http.request("POST", PATH, body=b"x" * (4 * 1024 * 1024 + 1)).status == 413
