"""What files and pasted texts have in common: the encoding, the rows, and which key is the text, the id, the label."""
