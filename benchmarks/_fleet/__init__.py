"""A fleet of machines in simulated time, for `benchmarks/fleet.py`."""
