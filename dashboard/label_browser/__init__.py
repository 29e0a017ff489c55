"""The label browser: search for classes, a walk through the hierarchy, and a page for each class."""
