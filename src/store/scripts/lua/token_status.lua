-- Asks for several tokens at once whether they stand. Writes nothing.
--
-- For the n-th ask, counted from 0:
-- KEYS[3n+1]  session
-- KEYS[3n+2]  mark for a session whose record is gone
-- KEYS[3n+3]  revocation mark of the token
-- ARGV[1]     space
-- ARGV[4n+2]  "1": the token names a session
-- ARGV[4n+3]  subject of the token
-- ARGV[4n+4]  birth of its session, ms
-- ARGV[4n+5]  its groups, with spaces between
--
-- Returns { "live" | "revoked" | "unknown", … }, in the order of the asks.

local space = ARGV[1]

local function status(session, departed, token_mark, names_session, subject, born, groups)
  if redis.call("EXISTS", token_mark) == 1 then
    return "revoked"
  end
  local mark = latest_mark(space, groups, nil)
  if mark and tonumber(born) <= mark then
    return "revoked"
  end
  if names_session ~= "1" then
    return "unknown"
  end
  if redis.call("EXISTS", departed) == 1 then
    return "revoked"
  end
  local values = redis.call("HMGET", session, "subject", "createdAt", "revokedAt", "groups")
  if values[1] ~= subject then
    return "unknown"
  end
  if values[3] then
    return "revoked"
  end
  if values[4] ~= groups then
    mark = latest_mark(space, values[4] or "", subject)
    if mark and tonumber(values[2]) <= mark then
      return "revoked"
    end
  end
  return "live"
end

local answers = {}
for n = 0, (#ARGV - 1) / 4 - 1 do
  local key, arg = 3 * n, 4 * n
  answers[n + 1] = status(KEYS[key + 1], KEYS[key + 2], KEYS[key + 3],
    ARGV[arg + 2], ARGV[arg + 3], ARGV[arg + 4], ARGV[arg + 5])
end
return answers
