"""HTTP: routing, token, body, errors, CORS and request ids."""
