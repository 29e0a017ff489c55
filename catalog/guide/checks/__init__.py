"""Limits and forms of what people write into the guide."""
