"""The steps and providers that there are, for anybody: no token, no database."""

from lib.bootstrap import make_app
from lib.http.endpoints.catalogue import ROUTES

app = make_app(ROUTES)
