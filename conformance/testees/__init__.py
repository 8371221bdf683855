"""The testees of this package: what its own codec, client and server are tried as."""
