"""Image classifiers behind one interface: pictures in, scores per class out. No Django: also for a notebook."""
