"""A client of the directory: it searches, turns pages, and meets people on both shards.

    python examples/directory/browse.py http://127.0.0.1:8000/ http://127.0.0.1:8001/

With DIRECTORY_KEY set as it is for the shards, it may read messages and phone numbers too.
"""

import argparse
import os
from collections.abc import Iterator
from typing import Any

import hyperglyph as glyph


def found(page: Any) -> Iterator[Any]:
    """All users of a search, page by page, from whichever shard."""
    while True:
        yield from page.users
        if page.next is None:
            return
        page = page.next()


def browse(directory: Any) -> None:
    everybody = list(found(directory.search(size=100)))
    print(f"{len(everybody)} users at {len({shard_of(user) for user in everybody})} shards")

    for user in found(directory.search("vogel", size=10)):
        if user.city == "Porto":
            print(f"{user.name}, {user.city}, at {shard_of(user)}")

    ada, uwe = directory.find_user("Ada Adler"), directory.find_user("Uwe Zimmer")
    ada.befriend(uwe)
    for friend in ada.friends():
        print(f"{friend.name} is a friend of {ada.name}'s, at {shard_of(friend)}")
        friend.message("hello", f"{ada.name} sends her love")
    try:
        print(f"{uwe.name} has the number {uwe.phone()} and the messages {uwe.inbox()}")
    except glyph.Unauthorized as error:
        print(f"no phone number and no messages: {error.message}")


def shard_of(user: Any) -> str:
    return glyph.url_of(user).partition("/User/")[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("urls", nargs=2, metavar="URL", help="the shards; the first is asked")
    urls = parser.parse_args().urls
    key = os.environ.get("DIRECTORY_KEY")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with glyph.Client(origins=urls, headers=headers) as client:
        browse(client.get(urls[0]))


if __name__ == "__main__":
    main()
