"""What any long-running part needs, whatever it is about: backoff, time slices, files, logs."""
