"""Arrays in, models and numbers out; seeded, no paths, no network."""
