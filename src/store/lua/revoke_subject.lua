-- Revokes every session of a subject opened so far.
--
-- KEYS[1]  revocation mark of the subject
-- KEYS[2]  index of the subject's sessions
-- KEYS[3]  feed
-- KEYS[4]  head of the feed
-- ARGV[1]  now, ms
-- ARGV[2]  subject
-- ARGV[3]  lifetime of the feed entry, ms
-- ARGV[4]  lifetime of the mark, ms
-- ARGV[5]  what the key of a session begins with: the keys come from the index
-- ARGV[6…11]  feed_args of announce
--
-- Returns the time up to which the sessions are revoked, in ms.

local now, remember_for = tonumber(ARGV[1]), tonumber(ARGV[4])

local mark = math.max(now, not_after(KEYS[1]) or 0)
for _, sid in ipairs(redis.call("ZRANGE", KEYS[2], 0, -1)) do
  local created = redis.call("HGET", ARGV[5] .. sid, "createdAt")
  if created then
    mark = math.max(mark, tonumber(created))
  end
end

local life = math.max(remember_for, redis.call("PTTL", KEYS[1]))
redis.call("SET", KEYS[1], whole(mark), "PX", whole(life))
-- Nothing that it lists is live any more.
redis.call("DEL", KEYS[2])
announce(KEYS[3], KEYS[4], { unpack(ARGV, 6, 11) }, now + tonumber(ARGV[3]),
  "subject:" .. whole(mark) .. ":" .. ARGV[2])
return whole(mark)
