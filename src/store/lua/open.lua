-- Records a sign-in.
--
-- KEYS[1]  session
-- KEYS[2]  revocation mark of the subject
-- KEYS[3]  index of the subject's sessions
-- ARGV[1]  now, ms
-- ARGV[2]  lifetime of the record, ms
-- ARGV[3]  sid
-- ARGV[4…14]  the session's fields, in the order of SESSION_FIELDS
--
-- Returns { "opened" } or { "superseded", not after }.

local now, life, sid = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]

local mark = not_after(KEYS[2])
if mark and tonumber(ARGV[3 + CREATED_AT]) <= mark then
  return { "superseded", whole(mark) }
end

-- A repeated call must not bring back what was revoked in between.
if redis.call("EXISTS", KEYS[1]) == 1 then
  return { "opened" }
end

for i, field in ipairs(SESSION_FIELDS) do
  redis.call("HSET", KEYS[1], field, ARGV[3 + i])
end
redis.call("PEXPIRE", KEYS[1], whole(life))
redis.call("ZADD", KEYS[3], whole(now + life), sid)
-- Sessions that ended without being listed since must not pile up.
redis.call("ZREMRANGEBYSCORE", KEYS[3], "-inf", "(" .. whole(now))
keep_alive(KEYS[3], life)
return { "opened" }
