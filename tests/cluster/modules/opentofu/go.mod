// SPDX-License-Identifier: Apache-2.0
module bulla.dev/tests/cluster/modules/opentofu

go 1.26.0

require github.com/opentofu/opentofu v1.9.0

replace github.com/hashicorp/hcl/v2 v2.20.1 => github.com/opentofu/hcl/v2 v2.0.0-20240814143621-8048794c5c52
