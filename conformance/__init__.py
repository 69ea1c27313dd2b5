"""One suite of requests, answered by a real kube-apiserver (golden files) and by Phoenix, and what differs."""
