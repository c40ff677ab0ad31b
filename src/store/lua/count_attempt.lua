-- Takes one attempt from every counter, or from none when one is full.
--
-- KEYS[n]  counter; its expiry ends the window
-- ARGV[1]  window, ms
-- ARGV[n+1]  attempts allowed in one window of the n-th counter
--
-- Returns -1 when it is allowed, else the milliseconds until the last full counter ends.

local wait = -1
for n, key in ipairs(KEYS) do
  if tonumber(redis.call("GET", key) or "0") >= tonumber(ARGV[n + 1]) then
    local left = redis.call("PTTL", key)
    -- A limit of zero is full without ever having been counted.
    wait = math.max(wait, left < 0 and tonumber(ARGV[1]) or left)
  end
end
if wait >= 0 then
  return wait
end

for _, key in ipairs(KEYS) do
  if redis.call("INCR", key) == 1 then
    redis.call("PEXPIRE", key, ARGV[1])
  end
end
return -1
