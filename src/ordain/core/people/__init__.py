"""Who somebody is, and what a forge says of them."""
