-- Revokes one session.
--
-- KEYS[1]  session
-- KEYS[2]  mark for a session whose record is gone
-- KEYS[3]  horizon
-- KEYS[4]  feed
-- KEYS[5]  head of the feed
-- ARGV[1]  now, ms
-- ARGV[2]  sid
-- ARGV[3]  "1": it must be the subject's that follows
-- ARGV[4]  subject
-- ARGV[5]  lifetime of the feed entry at least, ms
-- ARGV[6]  "1": the session must exist
-- ARGV[7]  space
-- ARGV[8]  margin behind the life of an access token, ms
-- ARGV[9…14]  feed_args of announce
--
-- Returns { "revoked" | "already_revoked", until when, subject or "", "1": the record was there },
-- or { "not_found" }.

local now, sid, space = tonumber(ARGV[1]), ARGV[2], ARGV[7]
local deny_for, must_exist, margin = tonumber(ARGV[5]), ARGV[6] == "1", tonumber(ARGV[8])
local feed_args = { unpack(ARGV, 9, 14) }

local record, facts = read_session(KEYS[1])
if must_exist and (not record or (ARGV[3] == "1" and record[SUBJECT] ~= ARGV[4])) then
  return { "not_found" }
end

if not record then
  local known = redis.call("GET", KEYS[2])
  if known then
    return { "already_revoked", known, "", "0" }
  end
  local last = tonumber(redis.call("HGET", KEYS[3], "access") or "0")
  local until_ms = math.max(now + deny_for, last)
  redis.call("SET", KEYS[2], whole(until_ms), "PX",
    whole(until_ms - now + tonumber(feed_args[4])))
  announce(KEYS[4], KEYS[5], feed_args, until_ms, "session:" .. sid)
  return { "revoked", whole(until_ms), "", "0" }
end

if facts.revoked or is_covered(space, record) then
  local until_ms = facts.revoked_until or
    whole(math.max(now + deny_for, tonumber(record[LATEST_EXP]) * 1000 + margin))
  return { "already_revoked", until_ms, record[SUBJECT], "1" }
end

local index = space .. "list:" .. record[SUBJECT]
local until_ms =
  end_session(KEYS[1], index, KEYS[4], KEYS[5], feed_args, sid, record, deny_for, margin)
return { "revoked", whole(until_ms), record[SUBJECT], "1" }
