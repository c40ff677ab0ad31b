-- Revokes one session.
--
-- KEYS[1]  session
-- KEYS[2]  mark for a session whose record is gone
-- KEYS[3]  revocation mark of the subject
-- KEYS[4]  index of the subject's sessions
-- KEYS[5]  feed
-- KEYS[6]  head of the feed
-- ARGV[1]  now, ms
-- ARGV[2]  sid
-- ARGV[3]  subject
-- ARGV[4]  lifetime of the feed entry, ms
-- ARGV[5]  "1": the session must exist and be the subject's
-- ARGV[6…11]  feed_args of announce
--
-- Returns "revoked", "already_revoked" or "not_found".

local now, sid = tonumber(ARGV[1]), ARGV[2]
local deny_for, must_exist = tonumber(ARGV[4]), ARGV[5] == "1"

local record, marked = read_session(KEYS[1])
if not record or (must_exist and record[SUBJECT] ~= ARGV[3]) then
  if must_exist then
    return "not_found"
  end
  if redis.call("EXISTS", KEYS[2]) == 1 then
    return "already_revoked"
  end
  redis.call("SET", KEYS[2], "1", "PX", whole(deny_for))
else
  local mark = not_after(KEYS[3])
  if marked or (mark and tonumber(record[CREATED_AT]) <= mark) then
    return "already_revoked"
  end
  redis.call("HSET", KEYS[1], "revokedAt", whole(now))
  redis.call("ZREM", KEYS[4], sid)
end

announce(KEYS[5], KEYS[6], { unpack(ARGV, 6, 11) }, now + deny_for, "session:" .. sid)
return "revoked"
