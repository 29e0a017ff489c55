"""Qualifications that keep workers from HITs on the marketplace."""
