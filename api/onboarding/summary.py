"""Step 6: everything that was stored, as the last page shows it."""

from lib.bootstrap import make_app

app = make_app("lib.http.endpoints.summary")
