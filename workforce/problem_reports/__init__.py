"""What researchers and workers tell each other beside the work: who asks and why, and what went wrong."""
