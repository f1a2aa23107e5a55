"""Archives in and out: zip and tar, streamed in both directions."""
