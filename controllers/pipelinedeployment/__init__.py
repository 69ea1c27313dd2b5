"""Keeps one pipeline running on its hosts: revisions, rollout, rollback."""
