"""Schema and database state."""

from lib.bootstrap import make_app
from lib.http.endpoints.health import ROUTES

app = make_app(ROUTES)
