"""PromQL: parsed by promql-parser, evaluated here for a documented subset, printed back for a real Prometheus. Pure."""
