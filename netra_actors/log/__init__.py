"""The session's log: append, commit, read by cursor; and the port to where it is durable."""
