"""Measurements, not resources: the model, its SQLite storage, and the reporter that sends them. The one side road."""
