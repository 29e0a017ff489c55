"""Start and consent: what people are asked before the work, and what they decided."""
