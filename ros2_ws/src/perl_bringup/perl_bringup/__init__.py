"""Description of the stack as data, its launch files, parameters and runner."""
