"""`ordain init`: a folder becomes an Ordain repository."""
