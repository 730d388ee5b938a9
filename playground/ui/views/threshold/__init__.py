"""A labelled set, and the threshold that serves it."""
