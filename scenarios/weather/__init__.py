"""Weather: files of all kinds, what they become on a run's steps, and where to get it."""
