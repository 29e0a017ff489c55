"""Postgres and Valkey from their Python packages, and the supervisor that keeps every part running."""
