"""Where profiles are read from: a directory, a prefix of a bucket, or a bundle."""
