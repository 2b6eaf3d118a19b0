"""Recorder of the stack, and evaluation of its bags."""
