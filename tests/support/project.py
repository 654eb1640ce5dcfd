"""Tiny projects with a vercel.json and functions of their own, to test the routing tools with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

ECHO = """
import json

def app(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "application/json")])
    names = ("PATH_INFO", "QUERY_STRING", "CONTENT_LENGTH", "CONTENT_TYPE", "SCRIPT_NAME", "REQUEST_METHOD")
    seen = {name: environ.get(name) for name in names}
    chunked = "HTTP_TRANSFER_ENCODING" in environ
    return [json.dumps({"function": __name__, **seen, "body": len(body), "chunked": chunked}).encode()]
"""


def make_project(root: Path, *, functions: tuple[str, ...], rewrites: Mapping[str, str]) -> Path:
    """Write a project whose functions tell what they were given, and return its root."""
    for function in functions:
        file = root / f"{function}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(ECHO)
    entries = [{"source": source, "destination": destination} for source, destination in rewrites.items()]
    (root / "vercel.json").write_text(json.dumps({"rewrites": entries}))
    (root / "public").mkdir()
    (root / "public" / "index.html").write_text("<h1>Hello</h1>")
    (root / "secret.txt").write_text("not for the web")
    return root
