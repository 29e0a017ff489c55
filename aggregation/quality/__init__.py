"""Measures of workers and of controls, the rules that act on them, and the decisions of these rules."""
