"""The hierarchy above the classes of a label set."""
