"""From a run to a release: measured, numbered, published."""
