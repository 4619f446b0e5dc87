"""The real programs that tests and benchmarks run against: how they are built and started."""
