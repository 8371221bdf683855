"""A made-up web site to crawl. `python examples/jobqueue/website.py --pages 100` serves it.

It has chapters of any name, each with as many pages. Page N links to 2N, 2N + 1 and back to N // 2,
so all of a chapter can be reached from its page 1. The last one links to one that is not there.
"""

import argparse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def page(number: int, pages: int) -> str | None:
    """The HTML of a page, with relative links; None if there is no such page."""
    if not 1 <= number <= pages:
        return None
    linked = [n for n in (number // 2, 2 * number, 2 * number + 1) if 1 <= n <= pages]
    if number == pages:
        linked.append(pages + 1)
    return "<p>Page {}: {}</p>".format(number, " ".join(f'<a href="{n}">{n}</a>' for n in linked))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--pages", type=int, default=100)
    arguments = parser.parse_args()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            name = self.path.rpartition("/")[2]
            text = page(int(name), arguments.pages) if name.isdecimal() else None
            body = (text or "<p>There is no such page.</p>").encode()
            self.send_response(404 if text is None else 200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Nothing: the workers tell what they do."""

    server = ThreadingHTTPServer(("127.0.0.1", arguments.port), Handler)
    print(f"http://127.0.0.1:{server.server_port}/", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
