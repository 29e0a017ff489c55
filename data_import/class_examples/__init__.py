"""The draw of example images of classes from a training set."""
