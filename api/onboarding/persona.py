"""Step 4, and drafts of a persona."""

from lib.bootstrap import make_app
from lib.http.endpoints.persona import ROUTES

app = make_app(ROUTES)
