"""People who withdraw their consent, named by their IDs on a recruitment platform."""
