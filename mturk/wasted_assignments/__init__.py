"""Assignments that are paid and came to nothing: who hands in several, and HITs that lose too many."""
