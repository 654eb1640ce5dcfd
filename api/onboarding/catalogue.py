"""The steps and providers that there are, and the page's error reports: for anybody, without a token or a database."""

from lib.bootstrap import make_app

app = make_app(
    "lib.http.endpoints.catalogue",
    "lib.http.endpoints.error_reports",
)
