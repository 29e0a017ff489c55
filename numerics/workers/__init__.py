"""Measures of workers and of controls, each with the distribution that honest work would give it."""
