-- Reads the revocation feed from a place on. Writes nothing. `feedStart` in feed.ts states
-- the same rule.
--
-- KEYS[1]  feed
-- KEYS[2]  head of the feed
-- ARGV[1]  entries in a page
-- ARGV[2]  "start": from the beginning; "place": behind the place that follows;
--          "unreadable": the reader has a cursor that nobody here wrote
-- ARGV[3]  epoch of the place; "": the feed had never been written then
-- ARGV[4]  seq of the place
-- ARGV[5]  id of the place
--
-- Returns { reset "0"/"1", more "0"/"1", epoch, seq, id, entry… }: epoch, seq and id are the
-- place behind this page; an entry is "<seq>:<id>:<until>:" and what announce was given.

local limit = tonumber(ARGV[1])

local function parts(entry)
  local seq, id = string.match(entry, "^(%d+):(%x+):")
  return tonumber(seq), id
end

local head = redis.call("HMGET", KEYS[2], "epoch", "seq", "id")
local epoch, head_seq, head_id = head[1] or "", tonumber(head[2] or "0"), head[3] or ""

local oldest = redis.call("LINDEX", KEYS[1], 0)
local first_seq = oldest and parts(oldest) or head_seq + 1

local after, reset = 0, ARGV[2] == "unreadable"
if ARGV[2] == "place" and ARGV[3] ~= "" then
  local seq = tonumber(ARGV[4])
  if ARGV[3] ~= epoch or seq > head_seq then
    reset = true
  else
    -- An entry that is gone had expired, and so had everything before it.
    local id = nil
    if seq == head_seq then
      id = head_id
    elseif seq >= first_seq then
      id = select(2, parts(redis.call("LINDEX", KEYS[1], whole(seq - first_seq))))
    end
    reset = id ~= nil and id ~= ARGV[5]
    after = reset and 0 or seq
  end
end

local from = math.max(0, after + 1 - first_seq)
local page = redis.call("LRANGE", KEYS[1], whole(from), whole(from + limit - 1))
local more = from + #page < redis.call("LLEN", KEYS[1])

local seq, id = head_seq, head_id
if more then
  seq, id = parts(page[#page])
end

local reply = { reset and "1" or "0", more and "1" or "0", epoch, whole(seq), id }
for _, entry in ipairs(page) do
  reply[#reply + 1] = entry
end
return reply
