"""Steps that bring a store's schema up to date, oldest first; alembic runs them."""

HEAD = "0003"
"""The newest step; a test holds it against the files in ``versions``."""
