"""One host: desired process objects to real processes."""
