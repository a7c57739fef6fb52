"""What a bench of controllers found, ranked."""
