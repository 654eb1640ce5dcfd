"""How the schema and the old system's data get into a database: `python -m migrations`."""
