"""What end-to-end tests stand on: a whole Phoenix in a child process, waiting with deadlines, leftover checks."""
