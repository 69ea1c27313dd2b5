"""What the documentation says is true: pages are fresh and complete, examples are valid, commands run."""
