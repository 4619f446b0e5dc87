"""What happened to CrawlJobs: compares before with after, counts, and remembers it on disk."""
