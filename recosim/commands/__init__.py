"""The commands, a file for each kind. Whatever is heavy is imported inside the command that needs it."""
