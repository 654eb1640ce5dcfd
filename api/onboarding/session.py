"""The session as a whole: where a user stands, and the moves that no single step makes."""

from lib.bootstrap import make_app

app = make_app(
    "lib.http.endpoints.session",
    "lib.http.endpoints.export",
    "lib.http.endpoints.history",
)
