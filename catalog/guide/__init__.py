"""The labelling guide: what reviewers and labelers write down about classes."""
