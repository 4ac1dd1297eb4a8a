"""The scheduler's plugins, one a file; ``profile.DEFAULT`` lists them with their weights."""
