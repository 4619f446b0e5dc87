"""What things are, as they come over the wire. Pure: no I/O, no clock of its own, no Prometheus."""
