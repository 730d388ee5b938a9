"""The ranking of one request."""
