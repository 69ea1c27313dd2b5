"""What hostmetrics reads: one file a scraper, each a function of the tick to resources with metrics."""
