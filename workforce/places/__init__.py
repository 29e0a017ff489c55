"""Places that people hold, and give back."""
