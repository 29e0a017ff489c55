"""The people of one dataset, by pseudonym."""
