"""What the base branch says and who may say it: its states, its makers, its witnesses, its ledger."""
