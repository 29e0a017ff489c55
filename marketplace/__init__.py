"""A marketplace of our own that speaks the protocol of Mechanical Turk. It imports nothing else of this project."""
