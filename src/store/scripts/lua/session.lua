-- Put before scripts that read sessions.
--
-- "Space" is what every key begins with: keys that a record names are made from it.
--
-- SESSION_FIELDS   the order in which a session is handed out; `sessionOf` in
--                  reply.ts reads the same order.
-- read_session(key)     the fields as strings, and further facts: `revoked`, `revoked_until` and
--                       `previous` (jti); nil when there is no such session.
-- latest_mark(space, groups, old_subject)   the time up to which sessions of one of the groups, or
--                       of everybody, are revoked; nil: none is. `groups` are names with spaces
--                       between. A record without any was written before there were groups: its
--                       subject's mark of then counts.
-- is_covered(space, record)   whether such a mark covers the session.
-- whole(number)         a number as decimal digits: Lua would write large ones as 1.7e+12.
-- keep_alive(key, ms)   makes a key live for at least ms from now.
-- widen(horizon, record, life, margin)   notes that a record was written that lives so long (ms).
--                       The horizon lives as long as the last record, so its own life tells that
--                       by the clock of Redis; it holds the latest birth and the end of the last
--                       access token, in ms.

local SESSION_FIELDS = {
  "subject", "claims", "createdAt", "lastSeenAt", "cap", "userAgent", "ip",
  "groups", "bound", "sealed", "latestExp",
  "refreshJti", "accessJti", "issuedAt", "accessExpiresAt", "refreshExpiresAt"
}
local SUBJECT, CREATED_AT, LAST_SEEN_AT, CAP, IP = 1, 3, 4, 5, 7
local GROUPS, BOUND, LATEST_EXP, REFRESH_JTI, REFRESH_EXP = 8, 9, 11, 12, 16

local function whole(number)
  return string.format("%.0f", number)
end

local function read_session(key)
  local values = redis.call("HMGET", key, "subject", "claims", "createdAt", "lastSeenAt", "cap",
    "userAgent", "ip", "groups", "bound", "sealed", "latestExp", "refreshJti", "accessJti",
    "issuedAt", "accessExpiresAt", "refreshExpiresAt", "revokedAt", "revokedUntil", "previousJti")
  if not values[SUBJECT] then
    return nil
  end
  local record = {}
  for i = 1, #SESSION_FIELDS do
    record[i] = values[i] or ""
  end
  -- Written before these stood in a record: as long as its refresh token at most.
  for _, i in ipairs({ LATEST_EXP, REFRESH_EXP - 1 }) do
    if record[i] == "" then
      record[i] = record[REFRESH_EXP]
    end
  end
  return record, { revoked = values[17] ~= false, revoked_until = values[18], previous = values[19] }
end

local function latest_mark(space, groups, old_subject)
  local keys = { space .. "group:*" }
  for name in string.gmatch(groups, "%S+") do
    keys[#keys + 1] = space .. "group:" .. name
  end
  if groups == "" and old_subject then
    keys[#keys + 1] = space .. "subject:" .. old_subject
  end
  local latest = nil
  for _, value in ipairs(redis.call("MGET", unpack(keys))) do
    local mark = value and tonumber(value)
    if mark and (not latest or mark > latest) then
      latest = mark
    end
  end
  return latest
end

local function is_covered(space, record)
  local mark = latest_mark(space, record[GROUPS], record[SUBJECT])
  return mark ~= nil and tonumber(record[CREATED_AT]) <= mark
end

local function keep_alive(key, ms)
  if redis.call("PTTL", key) < ms then
    redis.call("PEXPIRE", key, whole(ms))
  end
end

local function widen(horizon, record, life, margin)
  local known = redis.call("HMGET", horizon, "birth", "access")
  local birth = tonumber(record[CREATED_AT])
  if not known[1] or birth > tonumber(known[1]) then
    redis.call("HSET", horizon, "birth", whole(birth))
  end
  local access = tonumber(record[LATEST_EXP]) * 1000 + margin
  if not known[2] or access > tonumber(known[2]) then
    redis.call("HSET", horizon, "access", whole(access))
  end
  keep_alive(horizon, life)
end
