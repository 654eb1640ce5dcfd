"""The statements, as SQLAlchemy Core: `make statements` compiles them, and no request imports them."""
