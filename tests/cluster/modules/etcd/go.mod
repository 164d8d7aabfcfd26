// SPDX-License-Identifier: Apache-2.0
module bulla.dev/tests/cluster/modules/etcd

go 1.24

require go.etcd.io/etcd/server/v3 v3.6.5

