"""What is simulated: schema, library, inputs, the mosaik world and the jobs that run it."""
