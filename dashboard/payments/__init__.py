"""The researcher's pages of the marketplace: what a batch costs, how far it is, and what its people are paid."""
