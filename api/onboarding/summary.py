"""Step 6: everything that was stored, as the last page shows it."""

from lib.bootstrap import make_app
from lib.http.endpoints.summary import ROUTES

app = make_app(ROUTES)
