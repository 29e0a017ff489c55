"""Further answers to questions that lost some: photographs that were not seen, and votes that count as nothing."""
