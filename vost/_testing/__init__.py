"""What `vost.testing` is made of: contract tests, fault injection, fixed clocks."""
