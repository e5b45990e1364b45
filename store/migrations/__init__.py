"""Alembic migrations; `HEAD` is the revision that this version's tables need."""

HEAD = "0018"
