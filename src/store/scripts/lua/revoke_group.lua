-- Revokes every session of a group: one mark, one entry of the feed.
--
-- KEYS[1]  mark of the group
-- KEYS[2]  horizon
-- KEYS[3]  feed
-- KEYS[4]  head of the feed
-- ARGV[1]  now, ms
-- ARGV[2]  group
-- ARGV[3]  sessions opened up to this time, ms; "": all that are open now
-- ARGV[4]  lifetime of the feed entry at least, ms
-- ARGV[5]  lifetime of the mark at least, ms
-- ARGV[6…11]  feed_args of announce
--
-- Returns { the time up to which the sessions are revoked, until when the feed tells of it }, in ms.

local now = tonumber(ARGV[1])
local horizon = redis.call("HMGET", KEYS[2], "birth", "access")

local mark = tonumber(ARGV[3]) or math.max(now, tonumber(horizon[1] or "0"))
mark = math.max(mark, tonumber(redis.call("GET", KEYS[1]) or "0"))

-- The horizon lives as long as the last record there is, by the clock of Redis itself.
local slack = tonumber(ARGV[9])
local life = math.max(tonumber(ARGV[5]), redis.call("PTTL", KEYS[2])) + slack
life = math.max(life, redis.call("PTTL", KEYS[1]))
redis.call("SET", KEYS[1], whole(mark), "PX", whole(life))

local until_ms = math.max(now + tonumber(ARGV[4]), tonumber(horizon[2] or "0"))
announce(KEYS[3], KEYS[4], { unpack(ARGV, 6, 11) }, until_ms,
  "group:" .. whole(mark) .. ":" .. ARGV[2])
return { whole(mark), whole(until_ms) }
