"""Step 2, and the analyses of earlier websites."""

from lib.bootstrap import make_app
from lib.http.endpoints.website_analysis import ROUTES

app = make_app(ROUTES)
