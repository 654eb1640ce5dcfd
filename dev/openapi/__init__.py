"""The API's description: `make openapi` writes `public/openapi.json` from the routes, the types and one table."""
