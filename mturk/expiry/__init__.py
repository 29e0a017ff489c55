"""When HITs leave the marketplace: moves of their end, and the end of those that were closed here."""
