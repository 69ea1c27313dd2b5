"""The embedded engine: stock collector configuration for metrics, executed in Python."""
