#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The exit door: open a sealed document without Bulla, with age, yq and jq alone.
#
#   sh exit-door.sh DOCUMENT IDENTITY [NAMESPACE/NAME] | kubectl create -f -
#
# One v1 Secret comes out, with name, namespace, type and data, or nothing and an exit status other
# than 0.  docs/EXIT.md explains each line; keep a copy of both where the recovery key is.
set -eu
document=$1
identity=$2
which=${3-}

# two programs are called yq: this one prints YAML unless told, the other always prints JSON
case $(yq --version) in
*mikefarah*) json=-o=json ;;
*) json= ;;
esac

outer=$(yq ${json:+"$json"} . <"$document" | jq -cse --arg which "$which" '
	map(select(type == "object" and .apiVersion == "bulla.dev/v1" and .kind == "SealedCredential"
		and ($which == "" or $which == "\(.metadata.namespace)/\(.metadata.name)")))
	| if length == 1 then .[0] else error("\(length) such sealed documents are there, not one") end')

bound=$(printf '%s' "$outer" | jq -ce '
	if .spec.parts | type == "object" and all(keys[]; test("^[-._A-Za-z0-9]{1,253}$"))
	then {name: .metadata.name, namespace: .metadata.namespace, kind: .spec.kind, type: .spec.secret.type}
	else error("the names of its parts are not names of data keys") end
	| if all(.[]; type == "string") and (.type | IN("Opaque", "kubernetes.io/dockerconfigjson",
		"kubernetes.io/tls", "kubernetes.io/ssh-auth", "kubernetes.io/basic-auth"))
	then . else error("name, namespace, kind or type is missing, or not of those that are sealed") end')

printf '%s' "$outer" | jq -r '.spec.parts | keys[]' | while read -r part; do
	printf '%s' "$outer" | jq -r --arg part "$part" '.spec.parts[$part].sealed' |
		{ age -d -i "$identity" || echo '"and not opened to its end"'; } |
		jq -cse --arg part "$part" --argjson bound "$bound" '
		if length == 1 and (.[0] | type == "object" and .apiVersion == "v1" and .kind == "Secret"
			and .type == $bound.type and .metadata.name == $bound.name
			and .metadata.namespace == $bound.namespace
			and .metadata.annotations["bulla.dev/format"] == "1"
			and .metadata.annotations["bulla.dev/kind"] == $bound.kind
			and .metadata.annotations["bulla.dev/part"] == $part
			and (.data | type == "object" and all(.[]; type == "string"))
			and ($part == "credential" or (.data | keys) == [$part]))
		then .[0].data else error("part \($part) is not opened, or belongs to another document") end' ||
		echo '"refused"'
done | jq -se --argjson bound "$bound" '
	if length > 0 and all(.[]; type == "object") and (map(keys) | add | length == (unique | length))
	then {apiVersion: "v1", kind: "Secret", metadata: {name: $bound.name, namespace: $bound.namespace},
		type: $bound.type, data: add}
	else error("nothing comes out: a part is refused, or two parts have the same key") end'
