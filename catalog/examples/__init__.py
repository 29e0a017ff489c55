"""Example photographs of classes and of look-alikes, shown to workers who ask for help."""
