"""Answers that were given elsewhere, loaded as they are."""
