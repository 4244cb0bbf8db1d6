"""Watching: what runs did, what is written to logs, who is told when something goes wrong."""
