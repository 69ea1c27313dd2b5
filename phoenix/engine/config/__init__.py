"""Reading collector configuration: YAML, expansion, ids, durations, and sections that refuse what they do not know."""
