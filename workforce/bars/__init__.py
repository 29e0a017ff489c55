"""Bars: workers whom a study gives no more work."""
