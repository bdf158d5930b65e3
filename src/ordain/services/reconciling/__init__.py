"""`ordain reconcile`: what was approved becomes manifests and ledger entries."""
