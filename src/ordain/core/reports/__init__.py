"""What people read: plans, comparisons, histories, proofs."""
