"""One verb a module: read, decide with the core, act once."""
