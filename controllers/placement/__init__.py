"""Chooses a host for process objects that have none."""
