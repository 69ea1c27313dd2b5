"""Keys, bytes and revisions on SQLite: durable before acknowledged, watchable. Knows no kind."""
