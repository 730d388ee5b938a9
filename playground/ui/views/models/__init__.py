"""What is loaded, and what could be."""
