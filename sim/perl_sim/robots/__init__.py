"""MJCF models of the robots, and their constants with a source each."""
