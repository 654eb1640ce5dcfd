"""Step 3."""

from lib.bootstrap import make_app

app = make_app("lib.http.endpoints.research_preferences")
