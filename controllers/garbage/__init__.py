"""Deletes what lost its owner, and finished experiments whose time is up."""
