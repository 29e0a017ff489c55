"""Import of class pairs."""
