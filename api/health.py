"""Schema and database state."""

from lib.bootstrap import make_app

app = make_app("lib.http.endpoints.health")
