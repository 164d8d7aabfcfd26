# SPDX-License-Identifier: Apache-2.0

output "document" {
  description = "The sealed deploy key, below the top level of the repository; safe to show"
  value       = "${var.path}/credentials/flux-ssh.yaml"
  depends_on  = [terraform_data.bootstrap]
}
