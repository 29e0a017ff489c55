"""Replayed answers: given elsewhere, loaded unchanged."""
