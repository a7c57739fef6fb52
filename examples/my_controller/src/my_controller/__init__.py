"""A controller for recosim."""
