"""The panel that every view works on."""
