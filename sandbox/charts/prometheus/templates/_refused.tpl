{{/* The values that the templates read, with "" at the end of a path; what lies below is passed on as it is. */}}
{{- define "prometheus.known" -}}
imagePullSecrets: ""
commonMetaLabels: ""
nameOverride: ""
forceNamespace: ""
global: "" # Helm's own
rbac: { create: "" }
serviceAccounts: { server: { create: "", name: "", annotations: "" } }
alertmanager: ""
kube-state-metrics: ""
prometheus-node-exporter: ""
prometheus-pushgateway: ""
configmapReload:
  prometheus:
    enabled: ""
    name: ""
    image: { repository: "", tag: "", digest: "", pullPolicy: "" }
    containerPort: ""
    containerPortName: ""
    containerSecurityContext: ""
    resources: ""
server:
  name: ""
  fullnameOverride: ""
  replicaCount: ""
  image: { repository: "", tag: "", digest: "", pullPolicy: "" }
  retention: ""
  retentionSize: ""
  extraFlags: ""
  global: ""
  persistentVolume:
    enabled: ""
    existingClaim: ""
    storageClass: ""
    accessModes: ""
    size: ""
    mountPath: ""
    labels: ""
    annotations: ""
  service: { enabled: "", type: "", servicePort: "", clusterIP: "", sessionAffinity: "", labels: "", annotations: "" }
  resources: ""
  securityContext: ""
  containerSecurityContext: ""
  strategy: ""
  deploymentAnnotations: ""
  podAnnotations: ""
  podLabels: ""
  priorityClassName: ""
  affinity: ""
  nodeSelector: ""
  tolerations: ""
  topologySpreadConstraints: ""
  revisionHistoryLimit: ""
  terminationGracePeriodSeconds: ""
{{- end -}}

{{/* The paths of the values that are not known, comma-separated. Takes {values, known, path}. */}}
{{- define "prometheus.unknown" -}}
{{- range $key, $value := .values -}}
{{- $path := print $.path $key -}}
{{- $below := get $.known $key -}}
{{- if not (hasKey $.known $key) -}}
{{ $path }},
{{- else if and (kindIs "map" $below) (kindIs "map" $value) -}}
{{ include "prometheus.unknown" (dict "values" $value "known" $below "path" (print $path ".")) }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Fails on what the published chart would act upon and this one does not. */}}
{{- define "prometheus.refuse" -}}
{{- range $chart := list "alertmanager" "kube-state-metrics" "prometheus-node-exporter" "prometheus-pushgateway" -}}
{{- if (get $.Values $chart | default dict).enabled -}}
{{- fail (printf "%s.enabled is true (the published default): the sandbox's stand-in for the Prometheus chart leaves the sub-charts out; set it to false" $chart) -}}
{{- end -}}
{{- end -}}
{{- with include "prometheus.unknown" (dict "values" .Values "known" (include "prometheus.known" . | fromYaml) "path" "") -}}
{{- fail (printf "%s: not among the values of the sandbox's stand-in for the Prometheus chart; only the published chart may know it" (trimSuffix "," .)) -}}
{{- end -}}
{{- end -}}
