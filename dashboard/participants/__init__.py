"""The researcher's pages of what workers are told and what they told of."""
