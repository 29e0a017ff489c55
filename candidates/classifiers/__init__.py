"""Image classifiers behind one interface: pictures in, scores per class out. Needs no site: also for a notebook."""
