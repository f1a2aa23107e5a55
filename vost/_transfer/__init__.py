"""Moving trees of files: sources are resolved, then planned, then the plan is carried out."""
