"""A real Prometheus: asked, written to, and run beside a meter."""
