"""Controllers compared over seeds and periods."""
