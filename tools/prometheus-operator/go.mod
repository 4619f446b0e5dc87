module browsertrix-exporter/tools/prometheus-operator

go 1.26.0

// Nothing of it is built: its definitions of ServiceMonitor, PodMonitor and PrometheusRule are read.
require github.com/prometheus-operator/prometheus-operator v0.85.0
