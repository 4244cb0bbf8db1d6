"""Clients of the APIs that saaskpi reads and writes."""
