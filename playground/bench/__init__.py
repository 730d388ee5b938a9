"""Speed and memory on this machine. Nothing is downloaded, and the rest of the project never imports this room."""
