"""What a recruitment platform says of its participants, beside what they did here."""
