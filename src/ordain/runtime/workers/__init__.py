"""Several processes at one address: a parent that starts them and sums what they count."""
