"""Benchmarks: ratios, side by side in one run (see README.md)."""

from okrs.immutable import leave_to_types

leave_to_types()  # before anything else is loaded, as the command does
