"""What people read: plans, comparisons, histories, passports. Nothing is changed."""
