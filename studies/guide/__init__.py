"""Work on the labelling guide of a study."""
