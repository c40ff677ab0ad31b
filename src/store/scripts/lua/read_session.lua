-- Reads one live session. Writes nothing.
--
-- KEYS[1]  session
-- ARGV[1]  space
--
-- Returns the session's fields, or {} when it is absent or revoked.

local record, facts = read_session(KEYS[1])
if not record or facts.revoked or is_covered(ARGV[1], record) then
  return {}
end
return record
