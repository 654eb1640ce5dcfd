"""Step 1, and the stored keys."""

from lib.bootstrap import make_app

app = make_app("lib.http.endpoints.api_keys")
