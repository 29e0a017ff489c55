"""Long work that a researcher's page asks for: kept in the database, done by a worker, watched on the page."""
