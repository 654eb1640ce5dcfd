"""Clerk's webhook."""

from lib.bootstrap import make_app

app = make_app("lib.http.endpoints.clerk_webhook")
