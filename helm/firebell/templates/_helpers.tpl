{{- define "firebell.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "firebell.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "firebell.labels" -}}
{{ include "firebell.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- /* Values that cannot work together, said before anything is installed. */ -}}
{{- define "firebell.check" -}}
{{- if not (has .Values.database.engine (list "sqlite" "postgres")) -}}
{{- fail (printf "database.engine is sqlite or postgres, not %q" (toString .Values.database.engine)) -}}
{{- end -}}
{{- if and (gt (int .Values.replicas) 1) (ne .Values.database.engine "postgres") -}}
{{- fail "replicas > 1 needs database.engine: postgres; SQLite's file belongs to one replica" -}}
{{- end -}}
{{- if not .Values.existingSecret -}}
{{- fail "existingSecret is empty: name the Secret that holds FIREBELL__SLACK__BOT_TOKEN and the other secrets" -}}
{{- end -}}
{{- end -}}
