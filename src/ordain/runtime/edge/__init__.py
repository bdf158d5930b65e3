"""What runs on a device, alone: two files that import nothing of Ordain (docs/edge.md)."""
