"""Copying from a repository to the local disk: resolve, plan, execute."""
