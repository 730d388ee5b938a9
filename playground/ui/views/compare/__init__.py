"""Several models on the same passages."""
