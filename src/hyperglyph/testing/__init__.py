"""Help for testing programs that use hyperglyph; it needs `pip install hyperglyph[testing]`.

`strategies` makes values and messages for hypothesis. `WireSuite` (of `wire`) and `ExchangeSuite`
(of `exchanges`) are what a transport has to pass, for pytest: see docs/transports.md. `peers` has
the scripted servers that they use.
"""
