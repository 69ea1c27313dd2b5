"""Samples to verdict: parity, reduction, loss, intervals, cost. Pure."""
