"""Records of releases, and their artifacts on the way to wherever they are served."""
