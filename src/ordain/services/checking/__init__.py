"""`ordain check`: every problem in the declared state."""
