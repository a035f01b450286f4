"""The main job as a story, told by the real functions on the local cloud; it checks itself."""
