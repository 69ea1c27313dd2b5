"""Keeps directories of manifests applied: applies what is in them, prunes what left them, puts back what drifted."""
