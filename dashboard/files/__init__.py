"""The researcher's pages for importing images and downloading files."""
