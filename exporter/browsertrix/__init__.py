"""What Browsertrix's own HTTP API says, asked again and again: quotas, names, workflows, jobs.

Only read: GET, and the two POSTs that log in. docs/browsertrix-api.md says what is asked and why.
"""
