"""How `make dev` runs gunicorn (https://docs.gunicorn.org/en/stable/settings.html)."""

worker_class = "gthread"
threads = 32
graceful_timeout = 5  # seconds
loglevel = "warning"
accesslog = "-"
access_log_format = "%(m)s %(U)s %(s)s %(M)s ms"


def worker_int(_worker: object) -> None:
    """Say that a changed file makes a new worker take over."""
    print("Reloading: a file changed.", flush=True)
