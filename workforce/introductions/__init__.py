"""Who asks for the answers on a dataset, and what people are to know before they begin."""
