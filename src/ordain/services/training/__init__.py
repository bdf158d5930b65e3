"""From a declaration to a run: pipelines, their data, and what they measured."""
