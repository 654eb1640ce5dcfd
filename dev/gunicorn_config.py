"""How gunicorn serves `make dev`: `gunicorn --config python:dev.gunicorn_config`, started by dev.server.

https://docs.gunicorn.org/en/stable/settings.html explains each setting.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time

from dev import wsgi

wsgi_app = "dev.wsgi:app"
workers = 1
worker_class = "gthread"
threads = 32  # a browser keeps connections open that it may never use, and each occupies a thread for 5 seconds
limit_request_line = 8190  # bytes, the most that gunicorn counts: a website's URL stands in a path, encoded
keepalive = 0  # a restart would wait 2 seconds for kept connections
graceful_timeout = 5  # seconds that a request under way may still take when the server restarts or stops

reload = True
reload_engine = "poll"
# Watched by name, since most modules are imported by the first request that needs them.
reload_extra_files = ["vercel.json", "api/**/*.py", "lib/**/*.py", "serving/**/*.py"]

control_socket_disable = True  # its default path is shared by every gunicorn of the same user

# What `make dev` has said already, in its own words: the greeting stays on the screen.
_SAID = ("Starting gunicorn", "Listening at", "Using worker", "Reloader is on")
logging.getLogger("gunicorn.error").addFilter(lambda record: not str(record.msg).startswith(_SAID))


def when_ready(_server: object) -> None:
    """Stop with the process that started this one, even if that was killed: nothing may keep the port."""
    threading.Thread(target=_stop_with_parent, args=[os.getppid()], daemon=True).start()


def post_worker_init(_worker: object) -> None:
    """Load the functions before the first request, and after the reloader has begun to watch their files."""
    wsgi.load_or_report()


def _stop_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)
