{{- define "browsertrix-exporter.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- /* StatefulSets name pods and a hash label after themselves: 52 characters are what fits. */ -}}
{{- define "browsertrix-exporter.fullname" -}}
{{- $name := include "browsertrix-exporter.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "browsertrix-exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "browsertrix-exporter.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "browsertrix-exporter.labels" -}}
{{- with .Values.commonLabels }}
{{- toYaml . }}
{{ end -}}
{{ include "browsertrix-exporter.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: exporter
app.kubernetes.io/part-of: browsertrix
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- /* Which pods have the exporter. */ -}}
{{- define "browsertrix-exporter.podLabels" -}}
{{- if eq .Values.mode "sidecar" -}}
{{- toYaml .Values.sidecar.podLabels -}}
{{- else -}}
{{- include "browsertrix-exporter.selectorLabels" . -}}
{{- end -}}
{{- end -}}

{{- define "browsertrix-exporter.serviceAccountName" -}}
{{- $made := and .Values.serviceAccount.create (eq .Values.mode "standalone") | ternary (include "browsertrix-exporter.fullname" .) "default" -}}
{{- default $made .Values.serviceAccount.name -}}
{{- end -}}

{{- define "browsertrix-exporter.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "browsertrix-exporter.hasLedger" -}}
{{- if eq .Values.mode "sidecar" -}}
{{- if .Values.sidecar.existingClaim }}true{{ end -}}
{{- else if .Values.persistence.enabled -}}
true
{{- end -}}
{{- end -}}

{{- /* Each shard is the pod with its number, and there is one of each. */ -}}
{{- define "browsertrix-exporter.replicas" -}}
{{- if gt (int .Values.sharding.total) 1 -}}
{{- if gt (int .Values.replicas) 1 -}}
{{- fail "sharding.total and replicas cannot both be above 1: a pod's number is its shard. For a pair of each shard, install a second release." -}}
{{- end -}}
{{- if eq .Values.mode "sidecar" -}}
{{- fail "sharding.total cannot be above 1 in sidecar mode: the other workload's pods have no shards." -}}
{{- end -}}
{{- int .Values.sharding.total -}}
{{- else -}}
{{- int .Values.replicas -}}
{{- end -}}
{{- end -}}

{{- /* Pods have numbers in a StatefulSet alone, and volumes of their own. */ -}}
{{- define "browsertrix-exporter.kind" -}}
{{- or .Values.persistence.enabled (gt (int .Values.sharding.total) 1) | ternary "StatefulSet" "Deployment" -}}
{{- end -}}

{{- /* Of one pod: shards are nearly alike. */ -}}
{{- define "browsertrix-exporter.crawlsOfOne" -}}
{{- $total := int64 .Values.sharding.total -}}
{{- div (add (int64 .Values.crawls) $total -1) $total -}}
{{- end -}}

{{- define "browsertrix-exporter.telemetryPath" -}}
{{- dig "web" "telemetry-path" "/metrics" .Values.config -}}
{{- end -}}

{{- /* MiB that many crawls may need: docs/deployment.md says 90 MiB and 20 KiB for each. */ -}}
{{- define "browsertrix-exporter.memoryNeeded" -}}
{{- add 90 (div (mul 20 (include "browsertrix-exporter.crawlsOfOne" . | int64)) 1024) -}}
{{- end -}}

{{- /* The limit leaves room for a relist and for pods in trouble, which have more to say. */ -}}
{{- define "browsertrix-exporter.memoryLimit" -}}
{{- add 160 (div (mul 60 (include "browsertrix-exporter.crawlsOfOne" . | int64)) 1024) -}}
{{- end -}}

{{- define "browsertrix-exporter.resources" -}}
{{- if .Values.resources -}}
{{- toYaml .Values.resources -}}
{{- else -}}
requests:
  cpu: {{ add 50 (div (include "browsertrix-exporter.crawlsOfOne" . | int64) 50) }}m
  memory: {{ include "browsertrix-exporter.memoryNeeded" . }}Mi
limits:
  memory: {{ include "browsertrix-exporter.memoryLimit" . }}Mi
{{- end -}}
{{- end -}}

{{- /* A quantity of memory in MiB, a whole number; 0 where it is none. */ -}}
{{- define "browsertrix-exporter.mebibytes" -}}
{{- $text := toString . -}}
{{- $number := regexFind "^[0-9.]+" $text | float64 -}}
{{- if kindIs "string" . | not -}}{{- $number = float64 . -}}{{- end -}}
{{- $units := dict "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 -}}
{{- $unit := kindIs "string" . | ternary (regexFind "[A-Za-z]+$" $text) "" -}}
{{- divf (mulf $number (get $units $unit | default 1.0)) 1048576.0 | floor | int64 -}}
{{- end -}}

{{- /* Seconds of a duration as Prometheus writes it, or of a number. */ -}}
{{- define "browsertrix-exporter.seconds" -}}
{{- if kindIs "string" . -}}
{{- $total := 0 -}}
{{- $units := dict "w" 604800 "d" 86400 "h" 3600 "m" 60 "s" 1 -}}
{{- if regexMatch "^[0-9]+$" . -}}
{{- $total = int64 . -}}
{{- else -}}
{{- range regexFindAll "[0-9]+[wdhms]" . -1 -}}
{{- $total = add $total (mul (int64 (regexFind "[0-9]+" .)) (get $units (regexFind "[a-z]" .))) -}}
{{- end -}}
{{- end -}}
{{- $total -}}
{{- else -}}
{{- int64 . -}}
{{- end -}}
{{- end -}}

{{- /* Seconds as PromQL writes them, in the largest unit of which they are a multiple. */ -}}
{{- define "browsertrix-exporter.duration" -}}
{{- $seconds := int64 . -}}
{{- if not (mod $seconds 86400) -}}{{ div $seconds 86400 }}d
{{- else if not (mod $seconds 3600) -}}{{ div $seconds 3600 }}h
{{- else if not (mod $seconds 60) -}}{{ div $seconds 60 }}m
{{- else -}}{{ $seconds }}s
{{- end -}}
{{- end -}}

{{- /* Other containers of a pod may have a port `metrics`. */ -}}
{{- define "browsertrix-exporter.portName" -}}
{{- eq .Values.mode "sidecar" | ternary "btrix-metrics" "metrics" -}}
{{- end -}}

{{- /* Roles in other namespaces, and of the cluster, are named after the release's, too. */ -}}
{{- define "browsertrix-exporter.roleName" -}}
{{- include "browsertrix-exporter.fullname" . -}}
{{- if or .Values.watch.allNamespaces (ne (join "," (default (list .Release.Namespace) .Values.watch.namespaces)) .Release.Namespace) -}}
-{{ .Release.Namespace }}
{{- end -}}
{{- end -}}
