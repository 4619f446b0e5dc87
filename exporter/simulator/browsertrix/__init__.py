"""Crawls that run on a cluster, as Browsertrix and its operator would write them."""
