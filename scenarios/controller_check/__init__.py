"""A controller put to the test."""
