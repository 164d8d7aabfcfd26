#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Make these files anew.   usage: make.sh KUBESEAL SOPS
set -eu
kubeseal=$1
sops=$2
cd "$(dirname "$0")"
openssl req -x509 -nodes -newkey rsa:2048 -keyout sealed-secrets.key -out sealed-secrets.crt -subj /CN=test \
	-days 36500 2>/dev/null
rm -f sops.key
age-keygen -o sops.key 2>/dev/null
age=$(age-keygen -y sops.key)

secret() {
	cat <<-EOF
		apiVersion: v1
		kind: Secret
		metadata:
		  name: $1
		  namespace: web
		  labels:
		    app: test
		type: Opaque
		data:
		  EMPTY: ""
		  PASSWORD: dmFsdWUtMQ==
		  binary: dmFsdWUtAP8=
	EOF
}

for scope in strict namespace-wide cluster-wide; do
	secret "$scope" | "$kubeseal" --cert sealed-secrets.crt --scope "$scope" --format yaml >"$scope.yaml"
done
secret json | "$kubeseal" --cert sealed-secrets.crt --format json >sealed.json

cat >plain.yaml <<-EOF
	# a comment of the file
	apiVersion: v1
	kind: Secret
	metadata:
	    name: db
	    namespace: web
	    creationTimestamp: null
	    generation: 3
	immutable: false
	type: Opaque
	stringData:
	    # a comment of a value
	    PASSWORD: value-1
	    EMPTY: ""
	    LINES: |
	        value-2
	        value-3
	    NUMBER: "5"
EOF
encrypt() {
	out=$1
	shift
	"$sops" --encrypt --age "$age" "$@" >"$out"
}
encrypt sops.yaml --encrypted-regex '^(data|stringData)$' plain.yaml
encrypt sops-whole.yaml plain.yaml
encrypt sops-mac-only.yaml --encrypted-regex '^(data|stringData)$' --mac-only-encrypted plain.yaml
encrypt sops.json --encrypted-regex '^(data|stringData)$' --input-type yaml --output-type json plain.yaml
printf 'A=value-1\n# a comment\nB="value 2"\nC=\n' >plain.env
encrypt sops.env plain.env
rm plain.yaml plain.env sealed-secrets.crt
