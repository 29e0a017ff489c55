"""Exclusions of submissions from every number."""
