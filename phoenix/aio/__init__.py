"""asyncio parts that know nothing of Phoenix: clock, owned tasks, backoff, signals."""
