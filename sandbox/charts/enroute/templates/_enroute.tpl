{{/* The name of every object: fullnameOverride, else the release's name, completed with the chart's where that is not in it. */}}
{{- define "enroute.object" -}}
{{- $app := .Values.nameOverride | default .Chart.Name -}}
{{- $made := contains $app .Release.Name | ternary .Release.Name (print .Release.Name "-" $app) -}}
{{- .Values.fullnameOverride | default $made | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "enroute.account" -}}
{{- $own := .Values.serviceAccount.create | ternary (include "enroute.object" .) "default" -}}
{{- .Values.serviceAccount.name | default $own -}}
{{- end -}}

{{/* Both kinds of labels: "selector" for what selects pods and for the pods, "all" for the objects. */}}
{{- define "enroute.selector" -}}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/name: {{ .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end -}}
{{- define "enroute.all" -}}
{{ include "enroute.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ print .Chart.Name "-" .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{/* Takes {image, tag}: image and pull policy of one container; tag stands in where the values name none. */}}
{{- define "enroute.image" -}}
image: {{ print .image.repository ":" (.image.tag | default .tag) | quote }}
imagePullPolicy: {{ .image.pullPolicy }}
{{- end -}}

{{/* Takes the probe's five numbers. Envoy is probed through this endpoint, too: the pod shares one network. */}}
{{- define "enroute.health" -}}
httpGet: { path: /healthz, port: 8000 }
{{- range $number := list "initialDelaySeconds" "periodSeconds" "timeoutSeconds" "successThreshold" "failureThreshold" }}
{{ $number }}: {{ get $ $number }}
{{- end }}
{{- end -}}
