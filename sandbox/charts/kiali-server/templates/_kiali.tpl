{{- define "kiali.name" -}}
{{ .Values.deployment.instance_name | trunc 63 }}
{{- end -}}

{{- define "kiali.selector" -}}
app.kubernetes.io/name: kiali
app.kubernetes.io/instance: {{ include "kiali.name" . }}
{{- end -}}

{{/* On every object and on the pods, so that a new version of the chart always rolls the pods. */}}
{{- define "kiali.labels" -}}
{{- $version := .Values.deployment.version_label | default .Chart.AppVersion | quote -}}
{{ include "kiali.selector" . }}
app.kubernetes.io/part-of: kiali
app.kubernetes.io/version: {{ $version }}
app: kiali
version: {{ $version }}
helm.sh/chart: {{ print .Chart.Name "-" .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .Values.deployment.extra_labels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* What follows "metadata:" of a namespaced object. */}}
{{- define "kiali.metadata" -}}
name: {{ include "kiali.name" . }}
namespace: {{ .Release.Namespace | quote }}
labels: {{- include "kiali.labels" . | nindent 2 }}
{{- end -}}

{{- define "kiali.webRoot" -}}
{{- $root := .Values.server.web_root | default "/kiali" -}}
{{ $root | trimSuffix "/" | default "/" }}
{{- end -}}

{{- define "kiali.certificate" -}}
{{ .Values.identity.cert_file | default "" }}
{{- end -}}

{{/* "yes" where Kiali may only read: everywhere but with anonymous users and without view_only_mode. */}}
{{- define "kiali.viewer" -}}
{{- if or .Values.deployment.view_only_mode (ne .Values.auth.strategy "anonymous") }}yes{{ end -}}
{{- end -}}

{{/* "yes" unless skipResources names the kind. Takes {root, kind}. */}}
{{- define "kiali.wanted" -}}
{{- $known := list "clusterrole" "clusterrolebinding" "sa" -}}
{{- range .root.Values.skipResources -}}
{{- if not (has . $known) }}{{ fail (printf "skipResources: %q is none of %s" . (join ", " $known)) }}{{ end -}}
{{- end -}}
{{- if not (has .kind .root.Values.skipResources) }}yes{{ end -}}
{{- end -}}

{{/*
The server's configuration. The random signing key is kept among the values, as the ConfigMap and the pod's checksum of it
must agree within one rendering.
*/}}
{{- define "kiali.config" -}}
{{- if not .Values.login_token.signing_key }}{{ $_ := set .Values.login_token "signing_key" (randAlphaNum 32) }}{{ end -}}
{{- $config := omit .Values "kiali_route_url" | deepCopy -}}
{{- $_ := set $config.auth "strategy" (.Values.auth.strategy | default "token") -}}
{{- $_ := set $config.auth.openshift "client_id_prefix" (include "kiali.name" .) -}}
{{- $_ := set $config.deployment "instance_name" (include "kiali.name" .) -}}
{{- $_ := set $config.deployment "namespace" .Release.Namespace -}}
{{- $_ := set $config.deployment "tls_config" ($config.deployment.tls_config | default dict) -}}
{{- $_ := set $config.deployment.tls_config "source" ($config.deployment.tls_config.source | default "config") -}}
{{- $_ := set $config.external_services.istio "root_namespace" (.Values.external_services.istio.root_namespace | default .Release.Namespace) -}}
{{- $_ := set $config.identity "cert_file" (include "kiali.certificate" .) -}}
{{- $_ := set $config.identity "private_key_file" (.Values.identity.private_key_file | default "") -}}
{{- $_ := set $config.server "web_root" (include "kiali.webRoot" .) -}}
{{- toYaml $config -}}
{{- end -}}

{{/*
JSON object of the credentials given as "secret:<name>:<key>": volume -> {secret, key, file}. Only those of services that
are in use are mounted.
*/}}
{{- define "kiali.credentials" -}}
{{- $services := .Values.external_services -}}
{{- $prometheus := $services.prometheus | default dict -}}
{{- $dashboards := $services.custom_dashboards | default dict -}}
{{- $auths := dict -}}
{{- if ne (toString $prometheus.enabled) "false" }}{{ $_ := set $auths "prometheus" $prometheus.auth }}{{ end -}}
{{- range $name := list "grafana" "tracing" "perses" -}}
{{- $service := get $services $name | default dict -}}
{{- if $service.enabled }}{{ $_ := set $auths $name $service.auth }}{{ end -}}
{{- end -}}
{{- if $dashboards.enabled }}{{ $_ := set $auths "customdashboards-prometheus" ($dashboards.prometheus | default dict).auth }}{{ end -}}
{{- $texts := dict "login-token-signing-key" (dict "text" .Values.login_token.signing_key "file" "value.txt") -}}
{{- range $prefix, $auth := $auths -}}
{{- range $field, $file := dict "username" "value.txt" "password" "value.txt" "token" "value.txt" "cert_file" "" "key_file" "" -}}
{{- if not (and (eq $prefix "perses") (eq $field "token")) -}}
{{- $_ := set $texts (print $prefix "-" ($field | trimSuffix "_file")) (dict "text" (get ($auth | default dict) $field) "file" $file) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $found := dict -}}
{{- range $volume, $credential := $texts -}}
{{- if regexMatch "^secret:.+:.+" ($credential.text | default "" | toString) -}}
{{- $parts := splitn ":" 3 $credential.text -}}
{{- $_ := set $found $volume (dict "secret" $parts._1 "key" $parts._2 "file" ($credential.file | default $parts._2)) -}}
{{- end -}}
{{- end -}}
{{- toJson $found -}}
{{- end -}}
