"""What a load profile amounts to: its series, counted beforehand, and the payloads that carry them. Pure."""
