"""Answers to grids as researchers see them: roles of cells, controls passed, and the answers of others."""
