"""HTTP as hyperglyph uses it: pure mappings in `http`, libraries in `adapters`."""
