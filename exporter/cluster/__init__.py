"""Where CrawlJobs come from: the API server (list and watch), or manifests in files."""
