"""`ordain demo`: the whole loop in a scratch folder, by the same commands that people type."""
