"""The stores of records: Firestore, SQLite, and what both share."""
