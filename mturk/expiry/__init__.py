"""Expiry of HITs on the marketplace: moved ends, and the end of HITs that were closed here."""
