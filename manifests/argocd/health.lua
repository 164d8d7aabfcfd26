-- SPDX-License-Identifier: Apache-2.0
-- The health of a SealedCredential for Argo CD: docs/ARGOCD.md.
local health = {status = "Progressing", message = "Waiting for bulla-agent to look at it"}
local status = obj.status or {}

-- Left alone by the wish of a person, whatever came since.
for _, condition in ipairs(status.conditions or {}) do
  if condition.type == "Paused" and condition.status == "True" then
    return {status = "Suspended", message = condition.reason .. ": " .. condition.message}
  end
end

-- A status that speaks of an earlier generation (-1: of none) says nothing about this one.
if status.observedGeneration == nil or status.observedGeneration ~= obj.metadata.generation then
  return health
end

for _, condition in ipairs(status.conditions or {}) do
  if condition.type == "Stalled" and condition.status == "True" then
    health.status = "Degraded"
    health.message = condition.reason .. ": " .. condition.message
    return health
  end
  if condition.type == "Ready" then
    health.message = condition.reason .. ": " .. condition.message
    if condition.status == "True" then
      health.status = "Healthy"
    end
  end
end
return health
