# SPDX-License-Identifier: Apache-2.0
# One cluster brought up by `bulla bootstrap`, when Terraform has made it, and again when it made it anew.
#
# Nothing that is a secret passes through Terraform: not as a variable, not as an attribute, not into the plan or the
# state.  Variables name files; bulla reads them, and makes every key itself.

terraform {
  # terraform_data, plantimestamp
  required_version = ">= 1.5"
}

locals {
  # bulla runs in the repository: a file is named from where Terraform runs
  files = ["--kubeconfig", "--known-hosts", "--recovery", "--identity", "--passphrase-file", "--app", "--keys", "--token-file", "--ca-file"]
  # a word for each option that is set; no shell reads them
  given = [for option, value in {
    "--kubeconfig"      = var.kubeconfig
    "--image"           = var.image
    "--branch"          = var.branch
    "--known-hosts"     = var.known_hosts_file
    "--recovery"        = var.recovery
    "--identity"        = var.identity_file
    "--passphrase-file" = var.passphrase_file
    "--app"             = var.app_file
    "--keys"            = var.keys_folder
    "--token-file"      = var.token_file
    "--api-url"         = var.api_url
    "--ca-file"         = var.ca_file
    "--timeout"         = var.wait ? var.timeout : null
  } : [option, contains(local.files, option) && !startswith(value, "age1") ? abspath(value) : value] if value != null]
  flags = [for option, on in {
    "--wait"        = var.wait
    "--push"        = var.push
    "--no-commit"   = !var.commit
    "--no-register" = !var.register
    "--no-try"      = !var.try
  } : option if on]
}

resource "terraform_data" "bootstrap" {
  triggers_replace = {
    cluster    = var.cluster
    cluster_id = var.cluster_id
    url        = var.url
    path       = var.path
    image      = var.image
    every_time = var.every_time ? plantimestamp() : null
  }

  # The program is started by its words, with none of them read by a shell.  What it does not find to do it does not
  # do; one that fails taints this resource, and the next apply runs it again.
  provisioner "local-exec" {
    interpreter = concat(
      [var.bulla, "bootstrap", "--cluster", var.cluster, "--context", var.context, "--url", var.url],
      flatten(local.given),
      local.flags,
      ["--path"],
    )
    command     = var.path
    working_dir = var.repository
  }
}
