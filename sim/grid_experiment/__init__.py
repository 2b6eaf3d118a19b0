"""The grid-world experiment: which runs there are, how one is run, and what is measured."""
