"""Step 1, and the stored keys."""

from lib.bootstrap import make_app
from lib.http.endpoints.api_keys import ROUTES

app = make_app(ROUTES)
