"""Import of example photographs."""
