"""The report of runs: a page for people."""
