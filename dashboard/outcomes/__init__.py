"""The pages of a blind second review: its opening, and its outcome."""
