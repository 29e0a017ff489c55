"""Search for classes by word, synonym, wnid, index or gloss, also with typing errors."""
