"""Postgres: tables, connections, and the statements of each table group."""
