"""Example photographs on worker pages."""
