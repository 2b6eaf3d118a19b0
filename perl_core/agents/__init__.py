"""Algorithms: one folder each, with its configuration and the order of its updates."""
