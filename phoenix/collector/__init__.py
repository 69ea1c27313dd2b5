"""Child program: runs the embedded engine on one configuration file."""
