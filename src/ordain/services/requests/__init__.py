"""What a person puts before others: other pins, generated files, and a signature."""
