"""Links for a researcher's own participants."""
