"""What the parts of the Threshold view share: the set on the desk, and the scoring that runs behind the page."""
