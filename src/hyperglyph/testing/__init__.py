"""Help for testing programs that use hyperglyph.

`strategies` makes values and messages for hypothesis; it needs `pip install hyperglyph[testing]`.
"""
