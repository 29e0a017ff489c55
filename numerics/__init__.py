"""The numbers behind the annotations: pure functions on numpy arrays, also for a notebook."""
