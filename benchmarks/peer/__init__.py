"""The exporter beside kube-state-metrics, on one real API server over TLS, in one run.

kube-state-metrics' CustomResourceState is what an operator would take otherwise. Both follow the
same CrawlJobs, which others write at random, and both are measured from outside: processor time
and memory from /proc, scrapes by curl. ``python -m benchmarks.peer`` prints the table of
docs/performance.md.
"""
