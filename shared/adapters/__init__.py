"""The ports, spoken to Firestore, SQLite, Cloud Storage, Pub/Sub and the resource APIs."""
