"""Says of templates and load profiles whether they are sound and what they amount to."""
