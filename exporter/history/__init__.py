"""What happened to crawls: compares before with after, emits events, keeps them on disk."""
