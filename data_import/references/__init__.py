"""Import of reference pages."""
