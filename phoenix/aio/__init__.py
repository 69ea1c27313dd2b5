"""Asyncio habits: clock, backoff, owned tasks, signals; what programs do at their start. Knows nothing of Phoenix."""
