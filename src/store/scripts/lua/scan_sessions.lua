-- Reads some of all sessions, in no order. Writes nothing.
--
-- KEYS[1]  any key of the space: it tells a cluster where to run this
-- ARGV[1]  now, ms
-- ARGV[2]  space
-- ARGV[3]  sessions in the page, about
-- ARGV[4]  steps of the scan at most
-- ARGV[5]  cursor of the scan
-- ARGV[6…9]  filter of is_shown
--
-- Returns { { cursor to go on with, or "0" }, { sid, session… }, … }.

local now, space, limit, steps = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local filter = { unpack(ARGV, 6, 9) }
local begins = space .. "session:"

local found, cursor = { {} }, ARGV[5]
for _ = 1, steps do
  local reply = redis.call("SCAN", cursor, "MATCH", begins .. "*",
    "COUNT", whole(math.max(10, limit - #found + 1)))
  cursor = reply[1]
  for _, key in ipairs(reply[2]) do
    local record, facts = read_session(key)
    if record and is_shown(space, now, record, facts, filter) then
      found[#found + 1] = row(string.sub(key, #begins + 1), record)
    end
  end
  if cursor == "0" or #found > limit then
    break
  end
end
found[1] = { cursor }
return found
