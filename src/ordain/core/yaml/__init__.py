"""YAML as people write it: read with its places, and edited in one of them."""
