"""Marks hosts whose heartbeats stopped, and lets go of what is being deleted there."""
