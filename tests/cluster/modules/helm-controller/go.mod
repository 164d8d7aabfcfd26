// SPDX-License-Identifier: Apache-2.0
module bulla.dev/tests/cluster/modules/helm-controller

go 1.26.0

require github.com/fluxcd/helm-controller v1.6.0

