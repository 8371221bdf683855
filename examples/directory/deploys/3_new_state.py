"""Deploy 3: new state with a default. A reference to a user says in which language he is met."""

from importlib import import_module

import service

import hyperglyph as glyph

before = import_module("2_new_parameters")

GREETINGS = {"en": "Hello, I am {}.", "de": "Hallo, ich bin {}.", "fr": "Bonjour, je suis {}."}


class User(before.User):
    def __init__(self, id: int, language: str = "en") -> None:  # noqa: A002
        super().__init__(id)
        if language not in GREETINGS:
            raise glyph.BadRequest(f"languages are {', '.join(GREETINGS)}")
        self.language = language

    @glyph.safe()
    def speaking(self, language: str) -> "User":
        """The same user in another language."""
        return type(self)(self.id, language)

    @glyph.safe()
    def greeting(self) -> str:
        return GREETINGS[self.language].format(self.name)


service.User = User

if __name__ == "__main__":
    service.serve(service.routes())
