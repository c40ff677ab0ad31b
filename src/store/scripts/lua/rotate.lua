-- Exchanges a refresh token for its successor. Safe to repeat with the same proposal.
--
-- KEYS[1]  session
-- KEYS[2]  successor of the presented token: there while its grace window lasts
-- KEYS[3]  index of the subject's sessions
-- KEYS[4]  horizon
-- KEYS[5]  feed
-- KEYS[6]  head of the feed
-- ARGV[1]  now, ms
-- ARGV[2]  sid
-- ARGV[3]  subject of the presented token
-- ARGV[4]  jti of the presented token
-- ARGV[5]  jti of the proposed refresh token
-- ARGV[6]  jti of the proposed access token
-- ARGV[7]  iat of both, s
-- ARGV[8]  exp of the proposed access token, s
-- ARGV[9]  exp of the proposed refresh token, s
-- ARGV[10] grace window, ms; 0: none
-- ARGV[11] lifetime of a feed entry at least, ms
-- ARGV[12] how much longer than its tokens a record lives, ms
-- ARGV[13] space
-- ARGV[14] groups for a record that has none
-- ARGV[15] fresh claims as JSON, or "": keep what is there
-- ARGV[16] "set" or "keep" what is sealed
-- ARGV[17] what is sealed
-- ARGV[18] thumbprint of the key that was proven, or ""
-- ARGV[19…24]  feed_args of announce
--
-- Returns { "unknown" }, { "revoked" }, { "unproven", how and thumbprint }, { "reused", until when, session… }, or
-- { "rotated" | "replayed", session…, refresh jti, access jti, iat, access exp, refresh exp }.

local now = tonumber(ARGV[1])
local sid, presented, space = ARGV[2], ARGV[4], ARGV[13]
local margin = tonumber(ARGV[12])

local record, facts = read_session(KEYS[1])
if not record or record[SUBJECT] ~= ARGV[3] then
  return { "unknown" }
end

if facts.revoked or is_covered(space, record) then
  return { "revoked" }
end
if record[GROUPS] == "" then
  record[GROUPS] = ARGV[14]
  if is_covered(space, record) then
    return { "revoked" }
  end
end

if record[BOUND] ~= "" and string.match(record[BOUND], "^%S+ (.*)$") ~= ARGV[18] then
  if ARGV[16] == "set" and presented == record[REFRESH_JTI] then
    redis.call("HSET", KEYS[1], "sealed", ARGV[17])
  end
  return { "unproven", record[BOUND] }
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
  for i = REFRESH_JTI, REFRESH_EXP do
    generation[#generation + 1] = session[i]
  end
  return generation
end

if presented == record[REFRESH_JTI] then
  local expires = math.min(tonumber(ARGV[9]), tonumber(record[CAP]))
  local access = math.min(tonumber(ARGV[8]), expires)
  local latest = math.max(tonumber(record[LATEST_EXP]), access)
  redis.call("HSET", KEYS[1],
    "lastSeenAt", whole(now),
    "groups", record[GROUPS],
    "latestExp", whole(latest),
    "previousJti", presented,
    "refreshJti", ARGV[5],
    "accessJti", ARGV[6],
    "issuedAt", ARGV[7],
    "accessExpiresAt", whole(access),
    "refreshExpiresAt", whole(expires))
  if ARGV[15] ~= "" then
    redis.call("HSET", KEYS[1], "claims", ARGV[15])
  end
  if ARGV[16] == "set" then
    redis.call("HSET", KEYS[1], "sealed", ARGV[17])
  end
  local life = math.max(1, math.max(expires, latest) * 1000 - now + margin)
  redis.call("PEXPIRE", KEYS[1], whole(life))
  redis.call("ZADD", KEYS[3], record[CREATED_AT], sid)
  keep_alive(KEYS[3], life)

  local rotated = read_session(KEYS[1])
  widen(KEYS[4], rotated, life, margin)
  local generation = live_generation(rotated)
  -- The store's own expiry ends the grace window: the clocks of two gateways have no say in it.
  if tonumber(ARGV[10]) > 0 then
    redis.call("HSET", KEYS[2],
      "refreshJti", generation[1],
      "accessJti", generation[2],
      "issuedAt", generation[3],
      "accessExpiresAt", generation[4],
      "refreshExpiresAt", generation[5])
    redis.call("PEXPIRE", KEYS[2], ARGV[10])
  end
  return answer("rotated", rotated, generation)
end

-- Nobody has presented the live token yet: the answer that carried it may have been lost.
if presented == facts.previous then
  local refresh_exp = tonumber(record[REFRESH_EXP])
  if tonumber(record[REFRESH_EXP - 1]) <= tonumber(ARGV[7]) then
    -- Its access token has ended: the same one comes with a life that begins now.
    local access = math.min(tonumber(ARGV[8]), refresh_exp)
    local latest = math.max(tonumber(record[LATEST_EXP]), access)
    redis.call("HSET", KEYS[1], "lastSeenAt", whole(now), "latestExp", whole(latest),
      "accessExpiresAt", whole(access))
    local life = math.max(1, math.max(refresh_exp, latest) * 1000 - now + margin)
    redis.call("PEXPIRE", KEYS[1], whole(life))
    record = read_session(KEYS[1])
    widen(KEYS[4], record, life, margin)
  end
  return answer("replayed", record, live_generation(record))
end

local successor = redis.call("HMGET", KEYS[2], "refreshJti", "accessJti", "issuedAt",
  "accessExpiresAt", "refreshExpiresAt")
if successor[1] then
  successor[4] = successor[4] or successor[5]
  return answer("replayed", record, successor)
end

local until_ms = end_session(KEYS[1], KEYS[3], KEYS[5], KEYS[6], { unpack(ARGV, 19, 24) }, sid,
  record, tonumber(ARGV[11]), margin)
local reply = answer("reused", record, {})
table.insert(reply, 2, whole(until_ms))
return reply
