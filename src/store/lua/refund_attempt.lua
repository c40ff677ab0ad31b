-- Gives one attempt back to every counter that has one.
--
-- KEYS[n]  counter
--
-- Returns the number of counters that took it.

local refunded = 0
for _, key in ipairs(KEYS) do
  local count = tonumber(redis.call("GET", key) or "0")
  if count > 1 then
    redis.call("DECR", key)
    refunded = refunded + 1
  elseif count == 1 then
    redis.call("DEL", key)
    refunded = refunded + 1
  end
end
return refunded
