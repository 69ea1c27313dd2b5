"""OTLP metrics as bytes: scan, identity, Prometheus naming, template encoding, fan-out to targets."""
