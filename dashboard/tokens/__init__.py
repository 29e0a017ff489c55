"""Pages of the keys to the REST interface."""
