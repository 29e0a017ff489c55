"""Reasons of a review's own why an image is problematic."""
