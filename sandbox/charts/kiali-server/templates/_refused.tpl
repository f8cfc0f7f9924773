{{/* Fails on what the published chart would act upon and this one does not. */}}
{{- define "kiali.refuse" -}}
{{- $d := .Values.deployment -}}
{{- if and (hasKey $d "namespace") (ne $d.namespace .Release.Namespace) -}}
{{- fail (printf "deployment.namespace is %q, but the release's namespace is %q: leave it out or make them equal" $d.namespace .Release.Namespace) -}}
{{- end -}}
{{- $oauth := false -}}
{{- range .Values.external_services }}{{ if kindIs "map" . }}{{ if .auth }}{{ $oauth = or $oauth (eq (toString .auth.type) "oauth2") }}{{ end }}{{ end }}{{ end -}}
{{- range $what, $set := dict
  "deployment.cluster_wide_access: false" (not $d.cluster_wide_access)
  "deployment.additional_pod_containers_yaml" $d.additional_pod_containers_yaml
  "deployment.additional_pod_init_containers_yaml" $d.additional_pod_init_containers_yaml
  "deployment.custom_secrets" $d.custom_secrets
  "deployment.ingress.override_yaml.spec" $d.ingress.override_yaml.spec
  "clustering.clusters" .Values.clustering.clusters
  "chat_ai.enabled" .Values.chat_ai.enabled
  "external_services.<service>.auth.type: oauth2" $oauth
  "auth.strategy: openshift" (eq .Values.auth.strategy "openshift")
  "isOpenShift" .Values.isOpenShift
-}}
{{- if $set }}{{ fail (printf "%s: left out of the sandbox's stand-in for the Kiali chart; only the published chart does this" $what) }}{{ end -}}
{{- end -}}
{{- end -}}
