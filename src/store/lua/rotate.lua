-- Exchanges a refresh token for its successor. Safe to repeat with the same proposal.
--
-- KEYS[1]  session
-- KEYS[2]  successor of the presented token: there while its grace window lasts
-- KEYS[3]  revocation mark of the subject
-- KEYS[4]  index of the subject's sessions
-- KEYS[5]  feed
-- KEYS[6]  head of the feed
-- ARGV[1]  now, ms
-- ARGV[2]  sid
-- ARGV[3]  subject of the presented token
-- ARGV[4]  jti of the presented token
-- ARGV[5]  jti of the proposed refresh token
-- ARGV[6]  jti of the proposed access token
-- ARGV[7]  iat of both, s
-- ARGV[8]  exp of the proposed refresh token, s
-- ARGV[9]  grace window, ms; 0: none
-- ARGV[10] lifetime of a feed entry, ms
-- ARGV[11] how much longer than its refresh token a record lives, ms
-- ARGV[12] fresh claims as JSON, or "": keep what is there
-- ARGV[13…18]  feed_args of announce
--
-- Returns { "unknown" }, { "revoked" }, { "reused", session… }, or
-- { "rotated" | "replayed", session…, refresh jti, access jti, iat, exp }.

local now = tonumber(ARGV[1])
local sid, presented, proposed = ARGV[2], ARGV[4], ARGV[5]

local record, marked = read_session(KEYS[1])
if not record or record[SUBJECT] ~= ARGV[3] then
  return { "unknown" }
end

local mark = not_after(KEYS[3])
if marked or (mark and tonumber(record[CREATED_AT]) <= mark) then
  return { "revoked" }
end

local function answer(kind, session, generation)
  local reply = { kind }
  for i = 1, #SESSION_FIELDS do
    reply[i + 1] = session[i]
  end
  for i = 1, #generation do
    reply[#SESSION_FIELDS + 1 + i] = generation[i]
  end
  return reply
end

local function live_generation(session)
  local generation = {}
  for i = 0, 3 do
    generation[i + 1] = session[REFRESH_JTI + i]
  end
  return generation
end

if presented == record[REFRESH_JTI] then
  local expires = math.min(tonumber(ARGV[8]), tonumber(record[CAP]))
  redis.call("HSET", KEYS[1],
    "lastSeenAt", whole(now),
    "refreshJti", proposed,
    "accessJti", ARGV[6],
    "issuedAt", ARGV[7],
    "refreshExpiresAt", whole(expires))
  if ARGV[12] ~= "" then
    redis.call("HSET", KEYS[1], "claims", ARGV[12])
  end
  local life = math.max(1, expires * 1000 - now + tonumber(ARGV[11]))
  redis.call("PEXPIRE", KEYS[1], whole(life))
  redis.call("ZADD", KEYS[4], whole(now + life), sid)
  keep_alive(KEYS[4], life)

  local rotated = read_session(KEYS[1])
  local generation = live_generation(rotated)
  -- The store's own expiry ends the grace window: the clocks of two gateways have no say in it.
  if tonumber(ARGV[9]) > 0 then
    redis.call("HSET", KEYS[2],
      "refreshJti", generation[1],
      "accessJti", generation[2],
      "issuedAt", generation[3],
      "refreshExpiresAt", generation[4])
    redis.call("PEXPIRE", KEYS[2], ARGV[9])
  end
  return answer("rotated", rotated, generation)
end

local successor =
  redis.call("HMGET", KEYS[2], "refreshJti", "accessJti", "issuedAt", "refreshExpiresAt")
if successor[1] then
  return answer("replayed", record, successor)
end

-- The very call that made the live generation, repeated: its answer was lost.
if proposed == record[REFRESH_JTI] then
  return answer("replayed", record, live_generation(record))
end

redis.call("HSET", KEYS[1], "revokedAt", whole(now))
redis.call("ZREM", KEYS[4], sid)
announce(KEYS[5], KEYS[6], { unpack(ARGV, 13, 18) }, now + tonumber(ARGV[10]), "session:" .. sid)
return answer("reused", record, {})
