"""Presses of reviewers on a class page, as their browsers send it: late, twice, or after a loss of the network."""
