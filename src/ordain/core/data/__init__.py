"""What data is as bytes: the text of a cell, pinned remote sources, prediction logs taken together."""
