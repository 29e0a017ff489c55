"""The researcher's pages that bring a study in and take its files out."""
