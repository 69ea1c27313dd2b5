"""Many short experiments on one Phoenix: verdicts that are right or owned up to, and nothing that grows."""
