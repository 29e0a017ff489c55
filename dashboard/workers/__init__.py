"""The researcher's pages about workers: whose work to trust, what they answered, and what to do about it."""
