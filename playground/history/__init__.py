"""Every run, kept in one SQLite file: the only room that opens the database."""
