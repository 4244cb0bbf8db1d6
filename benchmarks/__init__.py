"""What the product costs in time and memory; run once, reported, never asserted."""
