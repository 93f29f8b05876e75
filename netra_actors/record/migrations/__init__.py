"""Alembic's scripts: how the tables came to be, one step after the other.

A step leaves the previous release working: it expands first; what is no longer read is removed a
release later, by a step that raises `readable_from` in `meta`.
"""
