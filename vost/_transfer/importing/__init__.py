"""Copying from the local disk: sources are resolved, a plan is made, the plan is carried out."""
