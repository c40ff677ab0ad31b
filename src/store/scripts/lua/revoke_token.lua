-- Revokes one token until it expires.
--
-- KEYS[1]  revocation mark of the token
-- KEYS[2]  feed
-- KEYS[3]  head of the feed
-- ARGV[1]  now, ms
-- ARGV[2]  jti
-- ARGV[3]  until, ms
-- ARGV[4…9]  feed_args of announce
--
-- Returns "revoked", also when it was before.

local now, until_ms = tonumber(ARGV[1]), tonumber(ARGV[3])
if until_ms <= now then
  return "revoked"
end

local known = redis.call("GET", KEYS[1])
if known and tonumber(known) >= until_ms then
  return "revoked"
end

redis.call("SET", KEYS[1], whole(until_ms), "PX", whole(until_ms - now + tonumber(ARGV[7])))
announce(KEYS[2], KEYS[3], { unpack(ARGV, 4, 9) }, until_ms, "token:" .. ARGV[2])
return "revoked"
