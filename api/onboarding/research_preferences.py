"""Step 3."""

from lib.bootstrap import make_app
from lib.http.endpoints.research_preferences import ROUTES

app = make_app(ROUTES)
