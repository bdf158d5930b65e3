"""The pipeline of each model, as DVC runs it."""
