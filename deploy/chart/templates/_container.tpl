{{- define "browsertrix-exporter.folder" -}}/etc/browsertrix-exporter{{- end -}}

{{- /* The configuration file: what is in `config` and `alerts`. */ -}}
{{- define "browsertrix-exporter.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- $alerts := dict -}}
{{- $set := list -}}
{{- range $name, $value := .Values.alerts.thresholds -}}
{{- $set = append $set (printf "%s=%s" $name (include "browsertrix-exporter.number" $value)) -}}
{{- end -}}
{{- with $set }}{{ $_ := set $alerts "set" . }}{{ end -}}
{{- $severities := list -}}
{{- range $name, $value := .Values.alerts.severities -}}
{{- $severities = append $severities (printf "%s=%s" $name $value) -}}
{{- end -}}
{{- with $severities }}{{ $_ := set $alerts "severity" . }}{{ end -}}
{{- $labels := list -}}
{{- range $name, $value := .Values.alerts.labels -}}
{{- $labels = append $labels (printf "%s=%s" $name $value) -}}
{{- end -}}
{{- with $labels }}{{ $_ := set $alerts "label" . }}{{ end -}}
{{- $without := .Values.alerts.without -}}
{{- /* Of a pair, each finds crawls missing whose end the other one saw; the rules know better. */ -}}
{{- if and (gt (int .Values.replicas) 1) (dig "alertmanager" "url" "" .Values.config) -}}
{{- $without = append $without "BrowsertrixCrawlVanished" | uniq -}}
{{- end -}}
{{- with $without }}{{ $_ := set $alerts "without" . }}{{ end -}}
{{- if .Values.alerts.endsAsTickets }}{{ $_ := set $alerts "ends-as-tickets" true }}{{ end -}}
{{- if ne .Values.alerts.clusterLabel "cluster" }}{{ $_ := set $alerts "cluster-label" .Values.alerts.clusterLabel }}{{ end -}}
{{- with .Values.alerts.runbookUrl }}{{ $_ := set $alerts "runbook-url" . }}{{ end -}}
{{- with .Values.alerts.grafanaUrl }}{{ $_ := set $alerts "grafana-url" . }}{{ end -}}
{{- with $alerts }}{{ $_ := set $config "alerts" . }}{{ end -}}
{{- /* A kubelet has neither a password nor a certificate. */ -}}
{{- $guarded := dig "web" "config" "file" "" $config | ne "" -}}
{{- range .Values.secrets -}}{{- if eq .option "web.config.file" }}{{ $guarded = true }}{{ end -}}{{- end -}}
{{- $web := deepCopy (default dict $config.web) -}}
{{- if and $guarded (not (hasKey $web "open-probes")) -}}
{{- $_ := set $config "web" (set $web "open-probes" true) -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{- /* A number without the exponent that Go writes; text as it is. */ -}}
{{- define "browsertrix-exporter.number" -}}
{{- if kindIs "string" . -}}{{ . }}
{{- else if eq (float64 .) (floor .) -}}{{ int64 . }}
{{- else -}}{{ . }}
{{- end -}}
{{- end -}}

{{- define "browsertrix-exporter.args" -}}
- --config.file={{ include "browsertrix-exporter.folder" . }}/config/config.yaml
{{- if .Values.watch.allNamespaces }}
- --all-namespaces
{{- else }}
{{- range .Values.watch.namespaces }}
- --namespace={{ . }}
{{- end }}
{{- end }}
{{- if gt (int .Values.sharding.total) 1 }}
- --shard=ordinal
- --total-shards={{ .Values.sharding.total }}
{{- end }}
{{- range $name, $on := .Values.sources }}
{{- if not $on }}
- --no-source.{{ $name }}
{{- end }}
{{- end }}
{{- if .Values.metacontroller.enabled }}
- --source.kubernetes=metacontroller
- --metacontroller.listen-address=:{{ .Values.metacontroller.port }}
- --metacontroller.resync-period={{ .Values.metacontroller.resyncPeriod }}
{{- if .Values.metacontroller.finalize }}
- --metacontroller.finalize
{{- end }}
{{- end }}
{{- if include "browsertrix-exporter.hasLedger" . }}
- --history.path=/var/lib/browsertrix-exporter/history.db
{{- end }}
{{- if ne (int .Values.service.port) 10937 }}
- --web.listen-address=:{{ .Values.service.port }}
{{- end }}
{{- $folder := include "browsertrix-exporter.folder" . }}
{{- range .Values.secrets }}
- --{{ .option }}={{ with .header }}{{ . }}={{ end }}{{ $folder }}/secrets/{{ .secret }}/{{ .key }}
{{- end }}
{{- range .Values.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end -}}

{{- define "browsertrix-exporter.container" -}}
name: {{ eq .Values.mode "sidecar" | ternary "browsertrix-exporter" "exporter" }}
image: {{ include "browsertrix-exporter.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args:
  {{- include "browsertrix-exporter.args" . | nindent 2 }}
{{- $own := not (or .Values.watch.allNamespaces .Values.watch.namespaces) }}
{{- if or $own .Values.env }}
env:
  {{- if $own }}
  - name: BROWSERTRIX_EXPORTER_NAMESPACE
    valueFrom:
      fieldRef:
        fieldPath: metadata.namespace
  {{- end }}
  {{- with .Values.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- with .Values.envFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  - name: {{ include "browsertrix-exporter.portName" . }}
    containerPort: {{ .Values.service.port }}
    protocol: TCP
  {{- if .Values.metacontroller.enabled }}
  - name: hook
    containerPort: {{ .Values.metacontroller.port }}
    protocol: TCP
  {{- end }}
livenessProbe:
  httpGet:
    path: /livez
    port: {{ include "browsertrix-exporter.portName" . }}
    scheme: {{ upper .Values.scrape.scheme }}
  {{- with .Values.probes.liveness }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
readinessProbe:
  httpGet:
    path: /readyz
    port: {{ include "browsertrix-exporter.portName" . }}
    scheme: {{ upper .Values.scrape.scheme }}
  {{- with .Values.probes.readiness }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
resources:
  {{- include "browsertrix-exporter.resources" . | nindent 2 }}
securityContext:
  {{- $security := .Values.securityContext }}
  {{- if eq .Values.mode "sidecar" }}
  {{- $security = merge (pick .Values.podSecurityContext "runAsNonRoot" "seccompProfile") $security }}
  {{- end }}
  {{- toYaml $security | nindent 2 }}
volumeMounts:
  {{- $name := eq .Values.mode "sidecar" | ternary "browsertrix-exporter-" "" }}
  - name: {{ $name }}config
    mountPath: {{ include "browsertrix-exporter.folder" . }}/config
    readOnly: true
  # Nothing is kept there; SQLite would sort there what is too large for memory.
  - name: {{ $name }}tmp
    mountPath: /tmp
  {{- if .Values.secrets }}
  - name: {{ $name }}secrets
    mountPath: {{ include "browsertrix-exporter.folder" . }}/secrets
    readOnly: true
  {{- end }}
  {{- if include "browsertrix-exporter.hasLedger" . }}
  - name: {{ $name }}history
    mountPath: /var/lib/browsertrix-exporter
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- /* All but the ledger's, which a StatefulSet makes. */ -}}
{{- define "browsertrix-exporter.volumes" -}}
{{- $name := eq .Values.mode "sidecar" | ternary "browsertrix-exporter-" "" -}}
- name: {{ $name }}config
  configMap:
    name: {{ include "browsertrix-exporter.fullname" . }}
- name: {{ $name }}tmp
  emptyDir:
    sizeLimit: 16Mi
{{- with .Values.secrets }}
{{- $keys := dict }}
{{- range . }}
{{- $known := get $keys .secret | default list }}
{{- $_ := set $keys .secret (concat $known (list .key) (.beside | default list) | uniq) }}
{{- end }}
- name: {{ $name }}secrets
  projected:
    # Readable by the pod's group, which only the chart's own pods are sure to have.
    defaultMode: {{ eq $.Values.mode "sidecar" | ternary "0444" "0440" }}
    sources:
      {{- range $secret, $names := $keys }}
      - secret:
          name: {{ $secret }}
          items:
            {{- range $names }}
            - key: {{ . | quote }}
              path: {{ printf "%s/%s" $secret . | quote }}
            {{- end }}
      {{- end }}
{{- end }}
{{- if eq .Values.mode "sidecar" }}
{{- with .Values.sidecar.existingClaim }}
- name: {{ $name }}history
  persistentVolumeClaim:
    claimName: {{ . }}
{{- end }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "browsertrix-exporter.pod" -}}
metadata:
  labels:
    {{- include "browsertrix-exporter.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # It reads its configuration once, at the start.
    checksum/config: {{ include "browsertrix-exporter.config" . | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "browsertrix-exporter.serviceAccountName" . }}
  automountServiceAccountToken: true
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    {{- toYaml .Values.podSecurityContext | nindent 4 }}
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- toYaml .Values.topologySpreadConstraints | nindent 4 }}
  {{- else if gt (include "browsertrix-exporter.replicas" . | int) 1 }}
  topologySpreadConstraints:
    {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
    - maxSkew: 1
      topologyKey: {{ . }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "browsertrix-exporter.selectorLabels" $ | nindent 10 }}
    {{- end }}
  {{- end }}
  {{- with .Values.initContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    -
      {{- include "browsertrix-exporter.container" . | nindent 6 }}
    {{- with .Values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    {{- include "browsertrix-exporter.volumes" . | nindent 4 }}
{{- end -}}
