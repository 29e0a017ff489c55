"""Pages of the people of a study: roles, invitations, and the record of changes."""
