-- Asks for several tokens at once whether they stand. Writes nothing.
--
-- For the n-th ask, counted from 0:
-- KEYS[4n+1]  session
-- KEYS[4n+2]  mark for a session whose record is gone
-- KEYS[4n+3]  revocation mark of the subject
-- KEYS[4n+4]  revocation mark of the token
-- ARGV[n+1]   subject of the token
--
-- Returns { "live" | "revoked" | "unknown", … }, in the order of the asks.

local function status(session, departed, subject_mark, token_mark, subject)
  if redis.call("EXISTS", token_mark, departed) > 0 then
    return "revoked"
  end
  local values = redis.call("HMGET", session, "subject", "createdAt", "revokedAt")
  if values[1] ~= subject then
    return "unknown"
  end
  local mark = not_after(subject_mark)
  if values[3] or (mark and tonumber(values[2]) <= mark) then
    return "revoked"
  end
  return "live"
end

local answers = {}
for n, subject in ipairs(ARGV) do
  local key = 4 * (n - 1)
  answers[n] = status(KEYS[key + 1], KEYS[key + 2], KEYS[key + 3], KEYS[key + 4], subject)
end
return answers
