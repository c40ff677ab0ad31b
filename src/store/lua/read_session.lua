-- Reads one live session. Writes nothing.
--
-- KEYS[1]  session
-- ARGV[1]  what the key of a subject's revocation mark begins with: the subject is in the session
--
-- Returns the session's fields, or {} when it is absent or revoked.

local record, marked = read_session(KEYS[1])
if not record or marked then
  return {}
end
local mark = not_after(ARGV[1] .. record[SUBJECT])
if mark and tonumber(record[CREATED_AT]) <= mark then
  return {}
end
return record
