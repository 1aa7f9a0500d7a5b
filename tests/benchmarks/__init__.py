"""Measurements on one embedded server. ``python -m tests.benchmarks`` runs all and writes docs/benchmarks.md."""
