"""What came out: recorder, store, key figures, comparison."""
