// SPDX-License-Identifier: Apache-2.0
// Reads words, one a line; writes for each which readers take it, plain, for a string.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	v2 "gopkg.in/yaml.v2"
	v3 "gopkg.in/yaml.v3"
	sigs "sigs.k8s.io/yaml"
)

func mark(ok bool, c string) string {
	if ok {
		return c
	}
	return "-"
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		w := in.Text()
		doc := []byte("k: " + w + "\n")
		var a, b, c struct{ K interface{} }
		e2 := v2.Unmarshal(doc, &a)
		e3 := v3.Unmarshal(doc, &b)
		j, es := sigs.YAMLToJSON(doc)
		if es == nil {
			es = json.Unmarshal(j, &c)
		}
		s2, ok2 := a.K.(string)
		s3, ok3 := b.K.(string)
		ss, oks := c.K.(string)
		fmt.Println(mark(e2 == nil && ok2 && s2 == w, "2") + mark(e3 == nil && ok3 && s3 == w, "3") + mark(es == nil && oks && ss == w, "k"))
	}
}
