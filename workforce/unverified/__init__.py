"""Unverified answers from a marketplace's frame: anybody may have sent them."""
