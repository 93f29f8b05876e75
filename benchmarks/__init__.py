"""Benchmarks: one file for each question; each prints its tables."""
