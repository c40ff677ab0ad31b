-- Reads the sessions of a subject and drops from its index what is gone or revoked.
--
-- KEYS[1]  index of the subject's sessions
-- KEYS[2]  revocation mark of the subject
-- ARGV[1]  what the key of a session begins with: the keys come from the index
--
-- Returns { { sid, session… }, … } in no particular order.

local mark = not_after(KEYS[2])
local found = {}
for _, sid in ipairs(redis.call("ZRANGE", KEYS[1], 0, -1)) do
  local record, marked = read_session(ARGV[1] .. sid)
  if not record or marked or (mark and tonumber(record[CREATED_AT]) <= mark) then
    redis.call("ZREM", KEYS[1], sid)
  else
    local session = { sid }
    for i = 1, #SESSION_FIELDS do
      session[i + 1] = record[i]
    end
    found[#found + 1] = session
  end
end
return found
