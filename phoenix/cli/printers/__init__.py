"""Ways to print what the server gave: one method each, one file each."""
