"""Problems that people report from the page they work on."""
