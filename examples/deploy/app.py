"""A service as it is deployed: `app` is what a WSGI server serves, and a program by itself.

    gunicorn app:app --worker-class gthread --threads 40
    python app.py --port 8001

Its settings come from the environment: HYPERGLYPH_SECRET, HYPERGLYPH_HOSTS.
"""

import argparse
import os

import hyperglyph as glyph

# The proxy is on this machine: what it says of scheme, host and prefix counts, and of nobody else.
app = glyph.Router(trusted_proxies=["127.0.0.1", "::1", "unix"])


@app.add()
@glyph.safe()
def health() -> None:
    """204, from a process that can answer calls."""


@app.add()
class User(glyph.Resource):
    """Somebody, as whoever has the URL may see."""

    def __init__(self, name: str) -> None:
        self.name = name

    @glyph.safe()
    @glyph.cache(max_age=60, public=True)
    def bio(self) -> str:
        return f"{self.name} likes HTTP."

    def greet(self) -> str:
        return f"{self.name} says hello from process {os.getpid()}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    server = glyph.Server(app, port=parser.parse_args().port).start()
    print(server.url, flush=True)
    server.run()
