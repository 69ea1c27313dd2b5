"""The agent's world, whose end proves that nothing is left running."""

from tests.process.agent.conftest import state, world

__all__ = ["state", "world"]
