"""Introductions to studies: the researchers, and information for workers before they begin."""
