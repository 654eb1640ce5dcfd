"""A sample AI backend for development and tests: the calls that generate something, answered with marked sample data.

Use it as `with serving(delay=0) as url:` and set AI_BACKEND_URL to that URL.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import falcon

from dev import sample_answers
from dev.harness.http_server import make_server
from dev.sample_answers import Answer

DELAY = 3.0  # seconds that a generating call takes
BASE = "/api/onboarding"
STAGES = (
    # The page recognises a stage by "Initializing", "core persona", "platform", "quality" and "completed".
    ("running", 10, "Sample: Initializing persona generation"),
    ("running", 30, "Sample: Generating core persona"),
    ("running", 60, "Sample: Generating platform adaptations"),
    ("running", 90, "Sample: Assessing persona quality"),
    ("completed", 100, "Sample: Persona generation completed"),
)
"""Status, progress in percent and message of a persona task: each poll finds the next stage."""


@contextmanager
def serving(delay: float = DELAY, report: Callable[[str], None] = lambda _line: None) -> Iterator[str]:
    """Serve on a free port of this machine while in use, and give the URL.

    A generating call is answered after `delay` seconds, or at once when the backend is being closed. `report` is given
    a line for each of them.
    """
    backend = _Backend(delay, report)
    with make_server(backend.app()) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            backend.closing.set()
            server.shutdown()
            thread.join()


@dataclass
class _Task:
    """The generation of a persona. It advances by a stage at every poll, which keeps tests free of clocks."""

    result: Answer
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created_at: str = field(default_factory=sample_answers.now)
    messages: list[Answer] = field(default_factory=list)

    def poll(self) -> Answer:
        """Advance, and tell the state."""
        if len(self.messages) < len(STAGES):
            _, progress, message = STAGES[len(self.messages)]
            self.messages.append({"timestamp": sample_answers.now(), "message": message, "progress": progress})
        status, progress, message = STAGES[len(self.messages) - 1]
        return {
            "task_id": self.id,
            "status": status,
            "progress": progress,
            "current_step": message,
            "progress_messages": list(self.messages),
            "result": self.result if status == "completed" else None,
            "error": None,
            "created_at": self.created_at,
            "updated_at": self.messages[-1]["timestamp"],
        }


class _Backend:
    """The endpoints, and the persona tasks that were started."""

    def __init__(self, delay: float, report: Callable[[str], None]) -> None:
        self.delay, self.report = delay, report
        self.closing = threading.Event()
        self.tasks: dict[str, _Task] = {}
        self.tasks_lock = threading.Lock()

    def app(self) -> falcon.App[falcon.Request, falcon.Response]:
        """The WSGI app."""
        app = falcon.App()
        app.set_error_serializer(_write_error)
        for path, handle in (
            ("style-detection/complete", self.analyse_style),
            ("step3/discover-competitors", self.discover_competitors),
            ("step3/analyze-sitemap", self.analyse_sitemap),
            ("step4/generate-personas", self.generate_personas),
            ("step4/generate-personas-async", self.start_personas),
        ):
            app.add_route(f"{BASE}/{path}", _Post(handle))
        app.add_route(f"{BASE}/step4/persona-task/{{task_id}}", _PersonaTask(self))
        return app

    def analyse_style(self, body: Answer) -> Answer:
        url = _text(body, "url")
        self._generate(f"the style of {sample_answers.site_name(url)}")
        wanted = {name: body.get(f"include_{name}", True) is True for name in ("patterns", "guidelines")}
        return sample_answers.style_detection(url, **wanted)

    def discover_competitors(self, body: Answer) -> Answer:
        url, limit, industry = _text(body, "user_url"), body.get("num_results", 25), body.get("industry_context")
        self._generate(f"competitors of {sample_answers.site_name(url)}")
        return sample_answers.competitors(
            url,
            industry=industry if isinstance(industry, str) else None,
            limit=limit if isinstance(limit, int) else 25,
        )

    def analyse_sitemap(self, body: Answer) -> Answer:
        url, sitemap_url = _text(body, "user_url"), body.get("sitemap_url")
        self._generate(f"the sitemap of {sample_answers.site_name(url)}")
        return sample_answers.sitemap(url, sitemap_url=sitemap_url if isinstance(sitemap_url, str) else None)

    def generate_personas(self, body: Answer) -> Answer:
        answer = _personas(body)
        self._generate(f"personas for {', '.join(answer['platform_personas'])}")
        return answer

    def start_personas(self, body: Answer) -> Answer:
        task = _Task(_personas(body))
        with self.tasks_lock:
            self.tasks[task.id] = task
        self.report(f"Sample AI backend: started persona task {task.id}")
        return {"task_id": task.id, "status": "pending", "message": "Sample persona generation started."}

    def poll(self, task_id: str) -> Answer | None:
        """The state of a task, one stage further; None when there is no such task."""
        with self.tasks_lock:
            if (task := self.tasks.get(task_id)) is None:
                return None
            state = task.poll()
        self.report(f"Sample AI backend: persona task {task_id} is at {state['progress']} %")
        return state

    def _generate(self, what: str) -> None:
        self.report(f"Sample AI backend: inventing {what}, in {self.delay:g} s")
        self.closing.wait(self.delay)


@dataclass(frozen=True)
class _Post:
    """A resource that answers POST with the JSON of `handle`."""

    handle: Callable[[Answer], Answer]

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        body = request.get_media()
        if not isinstance(body, dict):
            raise falcon.HTTPUnprocessableEntity(title="The body is not a JSON object.")
        response.media = self.handle(body)


@dataclass(frozen=True)
class _PersonaTask:
    """The resource that the page polls."""

    backend: _Backend

    def on_get(self, _request: falcon.Request, response: falcon.Response, task_id: str) -> None:
        state = self.backend.poll(task_id)
        if state is None:
            raise falcon.HTTPNotFound(title="Task not found", description="There is no persona task of that id.")
        response.media = state


def _write_error(_request: falcon.Request, response: falcon.Response, error: falcon.HTTPError) -> None:
    """As the real service answers: the page shows a person the `detail`."""
    response.media = {"title": error.title, "detail": error.description or error.title}


def _personas(body: Answer) -> Answer:
    data, platforms = body.get("onboarding_data"), body.get("selected_platforms", list(sample_answers.PLATFORMS))
    if not isinstance(data, dict) or not isinstance(platforms, list):
        raise falcon.HTTPUnprocessableEntity(title="onboarding_data or selected_platforms is malformed.")
    return sample_answers.personas(data, [platform for platform in platforms if isinstance(platform, str)])


def _text(body: Answer, name: str) -> str:
    value: Any = body.get(name)
    if not isinstance(value, str) or not value:
        raise falcon.HTTPUnprocessableEntity(title=f"{name} is missing.")
    return value
