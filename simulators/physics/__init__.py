"""Pure physics: no mosaik, no files, the same line for a scalar and for an array."""
