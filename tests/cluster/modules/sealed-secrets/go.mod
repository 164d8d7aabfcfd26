// SPDX-License-Identifier: Apache-2.0
module bulla.dev/tests/cluster/modules/sealed-secrets

go 1.26.4

require github.com/bitnami/sealed-secrets v0.38.4

