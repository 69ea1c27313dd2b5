"""Field sets, merge and ownership."""
