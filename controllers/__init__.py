"""Policy: what should be so, and the loops that make it so. Each: plan (pure), reconciler (does), status (pure)."""
