"""The HTTP server: sockets, routing by first path segment, faults, the record of requests."""
