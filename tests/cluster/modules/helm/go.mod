// SPDX-License-Identifier: Apache-2.0
module bulla.dev/tests/cluster/modules/helm

go 1.26.0

require helm.sh/helm/v3 v3.22.0
