"""Step 2, and the analyses of earlier websites."""

from lib.bootstrap import make_app

app = make_app("lib.http.endpoints.website_analysis")
