"""Texts of tasks, one file per language."""
