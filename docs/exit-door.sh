#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The exit door: open a sealed document without Bulla, with age, yq and jq alone.
#
#   sh exit-door.sh DOCUMENT IDENTITY > secret.json
#   kubectl create -f secret.json
#
# Every part is opened by age; a part whose inside does not say the name, namespace, type and kind
# that stand outside is refused; of what is left only one v1 Secret with name, namespace, type and
# data comes out, so that a hostile document cannot have anything else applied.
set -eu
document=$1
identity=$2
umask 077

outer=$(yq . "$document")
name=$(printf '%s' "$outer" | jq -re .metadata.name)
namespace=$(printf '%s' "$outer" | jq -re .metadata.namespace)
type=$(printf '%s' "$outer" | jq -re .spec.secret.type)
kind=$(printf '%s' "$outer" | jq -re .spec.kind)

printf '%s' "$outer" | jq -re '.spec.parts | keys[]' | while read -r part; do
	printf '%s' "$outer" | jq -re --arg part "$part" '.spec.parts[$part].sealed' |
		age -d -i "$identity" |
		jq -ce --arg name "$name" --arg namespace "$namespace" --arg type "$type" \
			--arg kind "$kind" --arg part "$part" '
		if .apiVersion == "v1" and .kind == "Secret" and .metadata.name == $name
			and .metadata.namespace == $namespace and .type == $type
			and .metadata.annotations["bulla.dev/kind"] == $kind
			and .metadata.annotations["bulla.dev/part"] == $part
		then .data else error("part \($part) does not belong to this document") end' ||
		echo '"refused"'
done | jq -se --arg name "$name" --arg namespace "$namespace" --arg type "$type" '
	if length > 0 and all(.[]; type == "object") and (map(keys) | add | length == (unique | length))
	then {apiVersion: "v1", kind: "Secret", metadata: {name: $name, namespace: $namespace},
		type: $type, data: add}
	else error("not opened: a part is refused, missing or has a key of another") end'
