"""Example images of classes for people who label and review."""
