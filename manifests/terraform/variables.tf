# SPDX-License-Identifier: Apache-2.0

variable "cluster" {
  description = "What the repository calls the cluster: the name of its recipient"
  type        = string
}

variable "context" {
  description = "The cluster, by its context in the kubeconfig"
  type        = string
}

variable "url" {
  description = "The repository as Flux fetches it: ssh://git@github.com/ORG/REPO"
  type        = string
}

variable "path" {
  description = "The cluster's folder in the repository, which Flux applies"
  type        = string
}

variable "repository" {
  description = "Where a checkout of the repository is"
  type        = string
}

variable "cluster_id" {
  description = "Something that is another one when the cluster was made anew, as google_container_cluster.NAME.id with its certificate: the key comes back then"
  type        = string
  default     = null
}

variable "image" {
  description = "The agent's image, with a tag or a digest; null: that of the repository"
  type        = string
  default     = null
}

variable "kubeconfig" {
  description = "Instead of $KUBECONFIG or ~/.kube/config"
  type        = string
  default     = null
}

variable "branch" {
  description = "What Flux follows; null: what is checked out"
  type        = string
  default     = null
}

variable "known_hosts_file" {
  description = "Host keys of the URL's host; those of github.com are built in"
  type        = string
  default     = null
}

variable "recovery" {
  description = "The recovery key's public half or its file, where the repository has no .bulla/config yet; null there makes one, and is refused where no terminal is to show its passphrase at"
  type        = string
  default     = null
}

variable "identity_file" {
  description = "The file of the recovery key, to bring a cluster that was made anew its key back"
  type        = string
  default     = null
}

variable "passphrase_file" {
  description = "The file with its passphrase"
  type        = string
  default     = null
}

variable "app_file" {
  description = "The sealed document of the GitHub App that registers the deploy key; it is opened with your own key"
  type        = string
  default     = null
}

variable "keys_folder" {
  description = "Where that key is, instead of ~/.config/bulla/keys"
  type        = string
  default     = null
}

variable "token_file" {
  description = "The file with a personal token that registers the deploy key; an App is better, the key goes with the token"
  type        = string
  default     = null
}

variable "api_url" {
  description = "GitHub Enterprise Server: https://HOST/api/v3"
  type        = string
  default     = null
}

variable "ca_file" {
  description = "The authority that signs its certificate"
  type        = string
  default     = null
}

variable "register" {
  description = "Whether the deploy key is registered at GitHub; else that is left to you"
  type        = bool
  default     = true
}

variable "try" {
  description = "Whether the deploy key is tried over SSH from where Terraform runs, before it is committed; else that is left to Flux"
  type        = bool
  default     = true
}

variable "commit" {
  description = "Whether what is written into the checkout is committed"
  type        = bool
  default     = true
}

variable "push" {
  description = "Whether the branch is pushed, with the git of who applies"
  type        = bool
  default     = false
}

variable "wait" {
  description = "Whether it ends only when Flux fetches with the deploy key"
  type        = bool
  default     = true
}

variable "timeout" {
  description = "How long it waits: 90s, 10m, 1h"
  type        = string
  default     = "10m"
}

variable "every_time" {
  description = "Look at each apply whether something is missing, not only when the cluster was made"
  type        = bool
  default     = false
}

variable "bulla" {
  description = "The program"
  type        = string
  default     = "bulla"
}
