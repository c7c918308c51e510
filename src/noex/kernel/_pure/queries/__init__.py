"""Queries as functions of key and value, and where they look."""
