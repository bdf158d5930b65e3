"""What would change, and why."""
