"""Leaves: strict text and JSON, digests, moments, partitions. Imports nothing of ours."""
