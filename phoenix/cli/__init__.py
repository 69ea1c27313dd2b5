"""phoenixctl: flags to options to run, one verb a file."""
