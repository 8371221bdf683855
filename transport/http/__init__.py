"""What HTTP means to hyperglyph. Pure: values in, values out, no I/O."""
