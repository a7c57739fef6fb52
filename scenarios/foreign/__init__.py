"""Simulators from outside that take part in a run."""
