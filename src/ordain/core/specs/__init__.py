"""The types of the declared files, and the identities that follow from them."""
