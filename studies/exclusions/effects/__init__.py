"""The effects of an exclusion, or of its end, before anybody decides."""
