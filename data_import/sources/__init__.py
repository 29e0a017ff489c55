"""Sources of an import: a folder, a manifest, an archive, a bucket."""
