"""A stub of the AI backend: a real HTTP server that answers as it is told, and remembers what it was asked."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Asked:
    """A request as the stub got it. The headers' names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Told:
    """What the stub answers: the bytes go out as they are, after `before` has run."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    before: Callable[[], object] = lambda: None
    more_headers: Sequence[tuple[str, str]] = ()
    """Headers that come once more, beside `headers`."""
    cut_after: int | None = None
    """How many bytes of the body are sent before the connection is closed."""

    @classmethod
    def json(cls, value: object, **more: Any) -> Told:
        """An answer of JSON."""
        return cls(headers={"Content-Type": "application/json"}, body=json.dumps(value).encode(), **more)


@dataclass
class StubBackend:
    """The running stub. `answers` maps `METHOD /path` to what is told; anything else is a 404 of its own."""

    url: str
    answers: dict[str, Told] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def told(self, method: str, target: str) -> Told:
        """The answer of a request."""
        path = target.partition("?")[0]
        return self.answers.get(f"{method} {path}", Told.json({"detail": "unknown to the AI backend"}, status=404))


@contextmanager
def stub_backend() -> Iterator[StubBackend]:
    """Serve a stub on a free port of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    stub = StubBackend(f"http://127.0.0.1:{server.server_port}")
    server.RequestHandlerClass = _handler_of(stub)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()


def _handler_of(stub: StubBackend) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            stub.asked.append(Asked(self.command, self.path, headers, body))
            told = stub.told(self.command, self.path)
            told.before()
            self.send_response(told.status)
            for name, value in (*told.headers.items(), *told.more_headers):
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(told.body[: told.cut_after])
            if told.cut_after is not None:
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

        def log_message(self, *_: object) -> None:
            pass

    return Handler


ANALYSIS: dict[str, Any] = {
    "success": True,
    "crawl_result": {"content": "Fresh bread every day", "url": "https://bakery.example.com"},
    "style_analysis": {
        "writing_style": {"tone": "Warm", "voice": "First person plural"},
        "content_characteristics": {"sentence_structure": "Short"},
        "target_audience": {"expertise_level": "Beginner"},
        "content_type": {"primary_type": "Blog"},
        "recommended_settings": {"writing_tone": "Friendly"},
        "brand_analysis": {"brand_voice": "Honest"},
        "content_strategy_insights": {"strengths": ["Recipes"]},
        "seo_audit": {"score": 71},
    },
    "style_patterns": {"patterns": {"sentence_length": "short"}},
    "style_guidelines": {"guidelines": ["Write as you speak"]},
    "error": None,
    "warning": "Only the first page was read.",
    "timestamp": "2026-11-24T10:00:00",
}
COMPETITORS: dict[str, Any] = {
    "success": True,
    "message": "Found 1 competitor",
    "session_id": "none of ours",
    "user_url": "https://bakery.example.com",
    "competitors": [{"url": "https://rival.example.net", "relevance_score": 0.9}],
    "social_media_accounts": {"instagram": "https://instagram.example/bakery"},
    "social_media_citations": [],
    "research_summary": {"total_competitors": 1},
    "total_competitors": 1,
    "industry_context": "Food",
    "analysis_timestamp": "2026-11-24T10:00:01",
    "api_cost": 0.01,
}
SITEMAP: dict[str, Any] = {"success": True, "user_url": "https://bakery.example.com", "analysis_data": {"pages": 12}}
PERSONA: dict[str, Any] = {
    "success": True,
    "core_persona": {"identity": {"persona_name": "The Patient Baker"}, "tonal_range": {"primary_tone": "Warm"}},
    "platform_personas": {"linkedin": {"character_limit": 3000}},
    "quality_metrics": {"overall_score": 92},
}
TASK: dict[str, Any] = {"task_id": "task-1", "status": "completed", "progress": 100, "result": PERSONA}

ANSWERS = {
    "POST /api/onboarding/style-detection/complete": ANALYSIS,
    "POST /api/onboarding/step3/discover-competitors": COMPETITORS,
    "POST /api/onboarding/step3/analyze-sitemap": SITEMAP,
    "POST /api/onboarding/step4/generate-personas": PERSONA,
    "POST /api/onboarding/step4/generate-personas-async": {"task_id": "task-1", "status": "pending"},
    "GET /api/onboarding/step4/persona-task/task-1": TASK,
}
"""What the six generating requests are answered, by method and path."""


def answering_everything(stub: StubBackend) -> StubBackend:
    """The stub, with an answer for each generating request."""
    stub.answers |= {request: Told.json(answer) for request, answer in ANSWERS.items()}
    return stub
