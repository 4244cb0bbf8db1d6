"""Key figures: each declared once, and computed from the monthly sums of the ledger."""
