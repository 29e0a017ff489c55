"""Assignments that a marketplace gives out: claimed by browsers first, confirmed by the marketplace later."""
