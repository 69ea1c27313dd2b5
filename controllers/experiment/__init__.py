"""Runs an experiment from start to verdict and promotion."""
