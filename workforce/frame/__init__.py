"""Turns at HITs that a marketplace hands out: what browsers say of them, and what the marketplace says later."""
