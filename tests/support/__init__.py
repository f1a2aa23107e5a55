"""Helpers that tests share, by topic."""
