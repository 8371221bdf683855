"""Deploy 1: new methods. Friendships can end, and a page of results tells how many there are."""

import service

import hyperglyph as glyph


class User(service.User):
    def unfriend(self, friend: service.User) -> None:
        """End a friendship."""
        service.check("friend", friend, service.User)
        service.here.people.unfriend(self.id, friend.id)


@glyph.hidden()
class Results(service.Results):
    @glyph.safe()
    def count(self) -> int:
        """How many were found on the shard of this page."""
        return service.here.people.count(self.text)


# What an edit of service.py would do.
service.User = User
service.Results = Results

if __name__ == "__main__":
    service.serve(service.routes())
