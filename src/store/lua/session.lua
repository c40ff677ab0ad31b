-- Put before scripts that read sessions.
--
-- SESSION_FIELDS   the order in which a session is handed out; `sessionOf` in
--                  upstash_reply.ts reads the same order.
-- read_session(key)     the fields as strings, and whether the session itself carries a
--                       revocation mark; nil when there is no such session.
-- not_after(key)        the time up to which sessions of a subject are revoked, or nil.
-- whole(number)         a number as decimal digits: Lua would write large ones as 1.7e+12.
-- keep_alive(key, ms)   makes a key live for at least ms from now.

local SESSION_FIELDS = {
  "subject", "claims", "createdAt", "lastSeenAt", "cap", "userAgent", "ip",
  "refreshJti", "accessJti", "issuedAt", "refreshExpiresAt"
}
local SUBJECT, CREATED_AT, CAP, REFRESH_JTI = 1, 3, 5, 8

local function whole(number)
  return string.format("%.0f", number)
end

local function read_session(key)
  local values = redis.call("HMGET", key, "subject", "claims", "createdAt", "lastSeenAt", "cap",
    "userAgent", "ip", "refreshJti", "accessJti", "issuedAt", "refreshExpiresAt", "revokedAt")
  if not values[SUBJECT] then
    return nil
  end
  local record = {}
  for i = 1, #SESSION_FIELDS do
    record[i] = values[i]
  end
  return record, values[#SESSION_FIELDS + 1] ~= false
end

local function not_after(key)
  local value = redis.call("GET", key)
  return value and tonumber(value) or nil
end

local function keep_alive(key, ms)
  if redis.call("PTTL", key) < ms then
    redis.call("PEXPIRE", key, whole(ms))
  end
end
