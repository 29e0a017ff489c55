"""Where images are imported from: a folder, a manifest, an archive, a bucket."""
