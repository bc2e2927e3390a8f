"""The benchmarks: one module for each section, and `python -m benchmarks.suite` to run them all."""
