"""Answers that were given elsewhere, or exported here, read from files into the same tables as live ones."""
