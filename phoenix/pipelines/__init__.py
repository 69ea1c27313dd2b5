"""Templates to collector configuration: resolve, render, lint, hash. Pure."""
