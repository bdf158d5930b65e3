"""`ordain verify`: proofs from a clone alone that what was recorded is still true."""
