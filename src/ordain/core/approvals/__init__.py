"""What an approval covers, whom it takes, and the verdict on each transition."""
