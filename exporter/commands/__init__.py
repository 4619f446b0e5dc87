"""What the command line runs: one module or package for each command."""
