"""Benchmarks: ratios, side by side in one run (see README.md)."""
