"""Recruitment platforms: the sessions in which people came, and the people behind a platform's IDs."""
