"""The marketplace pages of researchers: cost, progress and payment of batches."""
