"""The session as a whole: where a user stands, and the moves that no single step makes."""

from lib.bootstrap import make_app
from lib.http.endpoints.session import ROUTES

app = make_app(ROUTES)
