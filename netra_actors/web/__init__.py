"""The edge: the ASGI application, its WebSocket class, authentication, HTTP API and pages."""
