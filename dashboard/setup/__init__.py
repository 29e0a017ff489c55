"""The researcher's pages from classifiers to open grids: what people are going to be asked, and how often."""
