-- Binds a session to a key, once.
--
-- KEYS[1]  session
-- ARGV[1]  now, ms
-- ARGV[2]  space
-- ARGV[3]  how the key is proved
-- ARGV[4]  thumbprint of the key
--
-- Returns "bound", also when it is bound to this key already; "already": to another; or "gone".

local record, facts = read_session(KEYS[1])
if not record or facts.revoked or tonumber(record[REFRESH_EXP]) * 1000 <= tonumber(ARGV[1]) or
  is_covered(ARGV[2], record) then
  return "gone"
end
if record[BOUND] ~= "" then
  return string.match(record[BOUND], "^%S+ (.*)$") == ARGV[4] and "bound" or "already"
end
redis.call("HSET", KEYS[1], "bound", ARGV[3] .. " " .. ARGV[4])
return "bound"
