"""The MRR ledger: one row per change of an item's MRR, each with the Stripe object that proves it."""
