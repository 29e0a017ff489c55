"""Agreement of people, and the worker model: computed from the counted votes of grids."""
