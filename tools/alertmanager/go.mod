module browsertrix-exporter/tools/alertmanager

go 1.26.0

// Built in a copy of its source, for it lacks a folder (tools/build): its own go.mod and go.sum,
// which this checksum covers, pin all else.
require github.com/prometheus/alertmanager v0.35.0
