"""Measured comparisons: each drives what Phoenix ships, and where there is a peer, takes a ratio inside one run."""
