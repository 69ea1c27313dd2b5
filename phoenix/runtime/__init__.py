"""Running reconcilers well: informer, workqueue, backoff, controller, events, finalizers."""
