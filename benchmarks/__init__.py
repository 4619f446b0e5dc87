"""What the speed claims are measured with: ``python -m benchmarks``."""
