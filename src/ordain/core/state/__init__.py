"""The declared state as a whole: read, checked, refused with every problem."""
