"""Start and Decline: the questions before the work, and the decisions of people."""
