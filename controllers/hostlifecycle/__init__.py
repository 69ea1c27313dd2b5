"""Marks hosts whose heartbeats stopped, and what ran there."""
