"""Differences between two versions of an entry."""
