"""The labelling guide as one document."""
