-- Counts the sessions of a subject that are younger than its revocation mark. Writes nothing.
--
-- KEYS[1]  index of the subject's sessions
-- ARGV[1]  space
--
-- Returns their number; those that ran out or were ended by another group are counted in.

local mark = nil
for _, sid in ipairs(redis.call("ZREVRANGE", KEYS[1], 0, 9)) do
  local record = read_session(ARGV[1] .. "session:" .. sid)
  if record then
    -- The subject's own group stands first.
    mark = latest_mark(ARGV[1], string.match(record[GROUPS], "^%S+") or "", record[SUBJECT])
    break
  end
end
return redis.call("ZCOUNT", KEYS[1], mark and "(" .. whole(mark) or "-inf", "+inf")
