"""All users together: how far they get."""

from lib.bootstrap import make_app

app = make_app("lib.http.endpoints.operations")
