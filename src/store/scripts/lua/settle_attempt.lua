-- Says what became of an attempt: its places come free, and a failure counts. Safe to repeat.
--
-- KEYS[1]  there when it was settled before
-- For the n-th counter, counted from 0:
-- KEYS[3n+2]  failures in this window; its expiry ends the window
-- KEYS[3n+3]  there while the last failure makes wait
-- KEYS[3n+4]  places that are taken
-- ARGV[1]  id of the attempt
-- ARGV[2]  "failed" or "succeeded"
-- ARGV[3]  window, ms
-- ARGV[4]  how long it is remembered that it was settled, ms
-- ARGV[3n+5]  the failure that makes wait first; 0: none does
-- ARGV[3n+6]  the first wait, ms
-- ARGV[3n+7]  the longest wait, ms
--
-- Returns 1, or 0 when it was settled before.

if not redis.call("SET", KEYS[1], "1", "NX", "PX", ARGV[4]) then
  return 0
end

for n = 0, (#ARGV - 4) / 3 - 1 do
  local failures, delay, held = KEYS[3 * n + 2], KEYS[3 * n + 3], KEYS[3 * n + 4]
  redis.call("ZREM", held, ARGV[1])
  if ARGV[2] == "failed" then
    local count = redis.call("INCR", failures)
    if count == 1 then
      redis.call("PEXPIRE", failures, ARGV[3])
    end
    local from = tonumber(ARGV[3 * n + 5])
    if from > 0 and count >= from then
      local first, most = tonumber(ARGV[3 * n + 6]), tonumber(ARGV[3 * n + 7])
      local wait = math.min(most, first * 2 ^ math.min(count - from, 40))
      if wait > 0 then
        redis.call("SET", delay, "1", "PX", string.format("%.0f", wait))
        if redis.call("PTTL", failures) < wait then
          redis.call("PEXPIRE", failures, string.format("%.0f", wait))
        end
      end
    end
  end
end
return 1
