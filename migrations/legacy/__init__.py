"""Reading what the old system left behind: progress files and SQLite or Postgres databases."""
