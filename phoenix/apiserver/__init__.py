"""The API server, the only writer: Kubernetes-shaped REST and watch over `phoenix.store`. Door: `server.ApiServer`."""
