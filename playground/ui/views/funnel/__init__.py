"""Everything of the Funnel view."""
