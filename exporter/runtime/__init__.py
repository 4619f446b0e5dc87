"""What any long-running part needs: tasks, backoff, time slices, files, HTTP errors, logs."""
