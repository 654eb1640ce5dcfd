"""Large values over a line that takes little at a time, as any real network does; loopback takes megabytes at once."""

from __future__ import annotations

import os
import socket
from typing import Any

import pytest

from dev.harness.client import Client
from dev.harness.wizard import complete_step
from lib import bootstrap

USER = "user_2narrow"
SMALLEST_SEND_BUFFER = 4608  # bytes, the least that Linux gives


@pytest.fixture
def narrow(http: Client, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A client of functions whose connections to Postgres have the smallest send buffer."""
    from lib.db import engine

    connect = engine._connect

    def connect_narrowly(conninfo: str) -> Any:
        connection = connect(conninfo)
        with socket.socket(fileno=os.dup(connection.fileno())) as line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALLEST_SEND_BUFFER)
        return connection

    monkeypatch.setattr(engine, "_connect", connect_narrowly)
    bootstrap.reset()
    return http


@pytest.mark.parametrize("kib", [64, 200, 256, 1023])
def test_a_large_write_is_stored_and_read_over_a_narrow_line(narrow: Client, kib: int) -> None:
    """What the network does not take at once is sent as it makes room, and what was acknowledged is there."""
    data = {"email": "a@example.com", "notes": "é" + "x" * (kib * 1024 - 100)}
    response = complete_step(narrow, USER, 5, data)
    assert response.status == 200, response.text
    assert narrow.get("/api/onboarding/step/5", user=USER).json()["data"] == data
    assert narrow.get("/api/onboarding/summary", user=USER).json()["integrations"] == data


def test_the_largest_write_is_stored_and_read_over_a_narrow_line(narrow: Client) -> None:
    """An analysis goes out twice, as the payload of its step and in columns of its own: two megabytes in one write."""
    crawled = {"text": "é" + "x" * (1023 * 1024)}
    response = complete_step(narrow, USER, 2, {"website": "https://a.example", "analysis": {"crawl_result": crawled}})
    assert response.status == 200, response.text
    assert narrow.get("/api/onboarding/step/2", user=USER).json()["data"]["analysis"]["crawl_result"] == crawled
    assert narrow.get("/api/onboarding/website-analysis", user=USER).json()["crawl_result"] == crawled
