"""The only writer: Kubernetes-shaped routes over the store."""
