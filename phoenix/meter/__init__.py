"""Child program: counts what leaves each variant."""
