"""A worker's connections: how a cursor's frames reach a socket, and who is connected."""
