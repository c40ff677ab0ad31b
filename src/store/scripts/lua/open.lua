-- Records a sign-in, and ends the oldest sessions of a subject that has too many.
--
-- KEYS[1]  session
-- KEYS[2]  index of the subject's sessions
-- KEYS[3]  horizon
-- KEYS[4]  feed
-- KEYS[5]  head of the feed
-- ARGV[1]  now, ms
-- ARGV[2]  lifetime of the record, ms
-- ARGV[3]  sid
-- ARGV[4]  space
-- ARGV[5]  margin behind the life of an access token, ms
-- ARGV[6]  sessions that a subject may have
-- ARGV[7]  of those beyond it, how many to end at once at most
-- ARGV[8]  lifetime of a feed entry at least, ms
-- ARGV[9…14]  feed_args of announce
-- ARGV[15…30] the session's fields, in the order of SESSION_FIELDS
--
-- Returns { "opened", sid of an ended session, until when, … } or { "superseded", not after }.

local now, life, sid, space = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[4]
local margin = tonumber(ARGV[5])

local mark = latest_mark(space, ARGV[14 + GROUPS], nil)
if mark and tonumber(ARGV[14 + CREATED_AT]) <= mark then
  return { "superseded", whole(mark) }
end

-- A repeated call must not bring back what was revoked in between.
if redis.call("EXISTS", KEYS[1]) == 1 then
  return { "opened" }
end

local record = {}
for i, field in ipairs(SESSION_FIELDS) do
  record[i] = ARGV[14 + i]
  redis.call("HSET", KEYS[1], field, record[i])
end
redis.call("PEXPIRE", KEYS[1], whole(life))
widen(KEYS[3], record, life, margin)
redis.call("ZADD", KEYS[2], record[CREATED_AT], sid)
keep_alive(KEYS[2], life)

local reply = { "opened" }
local surplus = math.min(redis.call("ZCARD", KEYS[2]) - tonumber(ARGV[6]), tonumber(ARGV[7]))
if surplus > 0 then
  for _, old in ipairs(redis.call("ZRANGE", KEYS[2], 0, surplus - 1)) do
    local key = space .. "session:" .. old
    local known, facts = read_session(key)
    local stands = known and not facts.revoked and
      tonumber(known[REFRESH_EXP]) * 1000 > now and not is_covered(space, known)
    if stands and old ~= sid then
      local until_ms = end_session(key, KEYS[2], KEYS[4], KEYS[5], { unpack(ARGV, 9, 14) }, old,
        known, tonumber(ARGV[8]), margin)
      reply[#reply + 1] = old
      reply[#reply + 1] = whole(until_ms)
    elseif old ~= sid then
      redis.call("ZREM", KEYS[2], old)
    end
  end
end
return reply
