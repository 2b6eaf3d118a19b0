"""What experiments of many runs have in common: processes, files, estimates, pictures."""
