"""Facts of an answer: what its page says of itself, of its photographs and of its browser."""
