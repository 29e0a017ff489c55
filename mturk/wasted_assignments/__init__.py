"""Unusable assignments, which are paid: workers who submit several, and HITs with too many."""
