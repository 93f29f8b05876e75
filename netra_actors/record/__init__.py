"""Where logs, threads and messages are durable: SQLite, PostgreSQL, or memory."""
