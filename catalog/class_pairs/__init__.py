"""The registry of equivalent, confusable and nested classes of a label set."""
