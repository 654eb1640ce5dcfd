"""Step 5."""

from lib.bootstrap import make_app
from lib.http.endpoints.integrations import ROUTES

app = make_app(ROUTES)
