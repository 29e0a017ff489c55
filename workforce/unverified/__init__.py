"""Answers from a marketplace's frame, as they arrive: anybody may have sent them."""
