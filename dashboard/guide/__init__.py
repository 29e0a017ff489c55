"""Pages of the labelling guide."""
