"""Problems that people report from a page of work."""
