"""Step 2, the analyses of earlier websites, and business information."""

from lib.bootstrap import make_app

app = make_app(
    "lib.http.endpoints.website_analysis",
    "lib.http.endpoints.business_info",
)
