"""The steps and providers that there are, for anybody: no token, no database."""

from lib.bootstrap import make_app

app = make_app("lib.http.endpoints.catalogue")
