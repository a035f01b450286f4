"""The product on a laptop: the local cloud together with the functions as real servers."""
