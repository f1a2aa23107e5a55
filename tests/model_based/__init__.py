"""Random programs against the store, checked against a plain dict."""
