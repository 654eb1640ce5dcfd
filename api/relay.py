"""What no other function owns: relayed to the AI backend, which analyses and generates."""

from lib.bootstrap import make_app

app = make_app("lib.http.endpoints.relay")
