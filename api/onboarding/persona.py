"""Step 4, and drafts of a persona."""

from lib.bootstrap import make_app

app = make_app("lib.http.endpoints.persona")
