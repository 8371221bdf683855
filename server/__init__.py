"""Objects to pages: the router, what it serves, and a server in a thread."""
