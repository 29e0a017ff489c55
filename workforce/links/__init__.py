"""Study links: who may come by them, from which network, and how much a network may hold at once."""
