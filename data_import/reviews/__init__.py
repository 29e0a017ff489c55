"""Files of predictions to review."""
