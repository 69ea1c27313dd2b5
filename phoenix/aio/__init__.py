"""Asyncio habits: clock, backoff, owned tasks, signals. Knows nothing of Phoenix."""
