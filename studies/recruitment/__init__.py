"""A recruitment platform's word on its participants, beside what they did here."""
