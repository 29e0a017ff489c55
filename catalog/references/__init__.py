"""Reference pages: addresses that explain a class to the workers of a study."""
