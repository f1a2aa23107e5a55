"""Values and rules of a versioned filesystem: no I/O, importable from every layer."""
