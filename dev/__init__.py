"""What development needs: an embedded Postgres, a local server, sample tokens and settings."""
