"""One file an adapter, each the only place that knows its library. None is imported eagerly."""
