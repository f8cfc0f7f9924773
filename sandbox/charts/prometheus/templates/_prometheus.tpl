{{- define "prometheus.app" -}}
{{ .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{- define "prometheus.object" -}}
{{- $app := .Values.nameOverride | default .Chart.Name -}}
{{- $made := contains $app .Release.Name | ternary .Release.Name (print .Release.Name "-" $app) -}}
{{ .Values.server.fullnameOverride | default (print $made "-" .Values.server.name) | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{- define "prometheus.account" -}}
{{- with .Values.serviceAccounts.server -}}
{{ .name | default (.create | ternary (include "prometheus.object" $) "default") }}
{{- end -}}
{{- end -}}

{{- define "prometheus.selector" -}}
app.kubernetes.io/component: {{ .Values.server.name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/name: {{ include "prometheus.app" . }}
{{- end -}}

{{/* On every object and on the pods. */}}
{{- define "prometheus.labels" -}}
{{ include "prometheus.selector" . }}
app.kubernetes.io/part-of: {{ include "prometheus.app" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion }}
helm.sh/chart: {{ print .Chart.Name "-" .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .Values.commonMetaLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Takes {root, name, labels, annotations}, all but the first optional: what follows "metadata:" of a namespaced object. */}}
{{- define "prometheus.metadata" -}}
name: {{ .name | default (include "prometheus.object" .root) }}
namespace: {{ .root.Values.forceNamespace | default .root.Release.Namespace }}
labels:
  {{- include "prometheus.labels" .root | nindent 2 }}
  {{- with .labels }}{{ toYaml . | nindent 2 }}{{ end }}
{{- with .annotations }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Takes {image, tag}: a digest wins over a tag. */}}
{{- define "prometheus.image" -}}
{{- $version := .image.digest | empty | ternary (print ":" (.image.tag | default .tag)) (print "@" .image.digest) -}}
image: {{ print .image.repository $version | quote }}
imagePullPolicy: {{ quote .image.pullPolicy }}
{{- end -}}
