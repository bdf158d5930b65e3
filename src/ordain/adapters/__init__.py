"""I/O begins here: one module for each outside thing."""
