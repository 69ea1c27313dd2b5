"""YAML files to wire objects; errors with file and line."""
