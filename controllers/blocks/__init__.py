"""One block of the optimisation model per device kind."""
