"""Pages to objects: the client, and the proxies that it makes."""
