"""The plant: mosaik adapters around pure physics and settlement functions."""
