"""The researcher's pages about the study's introduction and the problems that workers report."""
