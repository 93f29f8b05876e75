"""The host: a hardened Hypercorn, the listening sockets and the worker processes."""
