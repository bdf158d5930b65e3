"""Arguments, wiring, printing and exit codes; nothing is decided here."""
