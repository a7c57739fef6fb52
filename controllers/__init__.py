"""Who decides: controllers, the optimisation model, forecasts and the mosaik host."""
