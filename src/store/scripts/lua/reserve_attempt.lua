-- Takes a place for an attempt under every counter, or under none.
--
-- For the n-th counter, counted from 0:
-- KEYS[3n+1]  failures in this window; its expiry ends the window
-- KEYS[3n+2]  there while the last failure makes wait
-- KEYS[3n+3]  places that are taken: attempts by the time they run out, ms
-- ARGV[1]  now, ms
-- ARGV[2]  id of the attempt
-- ARGV[3]  window, ms
-- ARGV[4]  how long a place is kept, ms
-- ARGV[n+5]  failures and places at most
--
-- Returns -1 when it is allowed, else the milliseconds to wait.

local now, id, window, hold = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])

local wait = -1
for n = 0, #ARGV - 5 do
  local failures, delay, held = KEYS[3 * n + 1], KEYS[3 * n + 2], KEYS[3 * n + 3]
  redis.call("ZREMRANGEBYSCORE", held, "-inf", whole(now))
  -- Of a clock that runs ahead, or was set back: an age below zero is infinitely old.
  -- Twice, for gateways whose clocks are somewhat apart.
  redis.call("ZREMRANGEBYSCORE", held, "(" .. whole(now + 2 * hold), "+inf")
  -- The very call that took it, repeated: its answer was lost.
  if not redis.call("ZSCORE", held, id) then
    local limit = tonumber(ARGV[n + 5])
    local failed = tonumber(redis.call("GET", failures) or "0")
    local delayed = redis.call("PTTL", delay)
    if delayed > 0 then
      wait = math.max(wait, delayed)
    end
    if failed >= limit then
      local left = redis.call("PTTL", failures)
      -- A limit of zero is full without ever having been counted.
      wait = math.max(wait, left < 0 and window or left)
    elseif failed + redis.call("ZCARD", held) >= limit then
      local first = redis.call("ZRANGE", held, 0, 0, "WITHSCORES")
      wait = math.max(wait, tonumber(first[2]) - now)
    end
  end
end
if wait >= 0 then
  return wait
end

for n = 0, #ARGV - 5 do
  local held = KEYS[3 * n + 3]
  redis.call("ZADD", held, whole(now + hold), id)
  redis.call("PEXPIRE", held, whole(hold))
end
return -1
