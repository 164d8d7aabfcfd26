// SPDX-License-Identifier: Apache-2.0

// Reads JSON strings, one a line, each a YAML document, and answers each with a line of JSON: what
// sigs.k8s.io/yaml (kubectl, Flux, the API server's clients) makes of it, or null when it refuses it.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"sigs.k8s.io/yaml"
)

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		var text string
		if err := json.Unmarshal(in.Bytes(), &text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		out, err := yaml.YAMLToJSONStrict([]byte(text))
		if err != nil {
			out = []byte("null")
		}
		fmt.Println(string(out))
	}
}
