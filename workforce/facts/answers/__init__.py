"""A row for each submission, for files: what was not seen, and the facts of its page."""
