"""What carries many files into and out of a repository: blocking functions, one hop each."""
