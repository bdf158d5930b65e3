"""Git's objects as values: commits, trees, histories, merges."""
