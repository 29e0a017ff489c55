"""Simulated people: their numbers and IDs, the answers asked of them alone, and their removal."""
