"""Step 5."""

from lib.bootstrap import make_app

app = make_app("lib.http.endpoints.integrations")
