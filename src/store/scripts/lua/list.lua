-- Put behind session.lua, before scripts that list sessions.
--
-- is_shown(space, now, record, facts, filter)   whether a record is live and asked for.
--   filter   { group or "", "1" if the address that follows counts, address, time or "" }: last
--            seen before that time, ms
-- row(sid, record)   { sid, session… }

local function is_shown(space, now, record, facts, filter)
  if facts.revoked or tonumber(record[REFRESH_EXP]) * 1000 <= now then
    return false
  end
  if filter[1] ~= "" and
    not string.find(" " .. record[GROUPS] .. " ", " " .. filter[1] .. " ", 1, true) then
    return false
  end
  if filter[2] == "1" and record[IP] ~= filter[3] then
    return false
  end
  if filter[4] ~= "" and tonumber(record[LAST_SEEN_AT]) >= tonumber(filter[4]) then
    return false
  end
  return not is_covered(space, record)
end

local function row(sid, record)
  local session = { sid }
  for i = 1, #SESSION_FIELDS do
    session[i + 1] = record[i]
  end
  return session
end
