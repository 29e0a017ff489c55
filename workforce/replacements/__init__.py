"""Answers that are asked for in place of excluded ones, as slots of the same grid or form."""
