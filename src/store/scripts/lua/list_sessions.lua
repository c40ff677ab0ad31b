-- Reads a page of a subject's sessions, youngest first, and drops from its index what is gone.
--
-- KEYS[1]  index of the subject's sessions
-- ARGV[1]  now, ms
-- ARGV[2]  space
-- ARGV[3]  sessions in the page at most
-- ARGV[4]  entries of the index to look at at most
-- ARGV[5]  birth of the session behind which to go on, or ""
-- ARGV[6]  its sid
-- ARGV[7…10]  filter of is_shown
--
-- Returns { { birth, sid } of the last session looked at, or {}: there is no more; { sid, session… }, … }.

local CHUNK = 100
local now, space, limit, most = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local filter = { unpack(ARGV, 7, 10) }
local from = ARGV[5] == "" and "+inf" or ARGV[5]

local found, dead = { {} }, {}
local scanned, offset, last = 0, 0, {}
local more = true
while more do
  local entries =
    redis.call("ZREVRANGEBYSCORE", KEYS[1], from, "-inf", "WITHSCORES", "LIMIT", offset, CHUNK)
  more = #entries == 2 * CHUNK
  for i = 1, #entries, 2 do
    local sid, born = entries[i], entries[i + 1]
    if ARGV[5] == "" or tonumber(born) < tonumber(ARGV[5]) or sid < ARGV[6] then
      if #found > limit or scanned == most then
        found[1] = last
        more = false
        break
      end
      scanned = scanned + 1
      last = { whole(tonumber(born)), sid }
      local record, facts = read_session(space .. "session:" .. sid)
      if not record or facts.revoked then
        dead[#dead + 1] = sid
      elseif is_shown(space, now, record, facts, filter) then
        found[#found + 1] = row(sid, record)
      end
    end
  end
  offset = offset + CHUNK
end
if #dead > 0 then
  redis.call("ZREM", KEYS[1], unpack(dead))
end
return found
