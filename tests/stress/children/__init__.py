"""Programs that the stress tests start, kill and disturb."""
