-- Put behind session.lua, before scripts that revoke.
--
-- announce(feed, head, feed_args, until_ms, entry)   appends one entry to the revocation feed, and
--   says so on the channel of the feed's name.
--   feed        key of the feed
--   head        key of the feed's head
--   feed_args   { now, id, epoch, trim margin in ms, trim limit, head's lifetime in ms }
--               `id` is a random name for the entry, `epoch` one for the feed, should it be new
--   until_ms    when the entry has served its time
--   entry       "session:<sid>", "token:<jti>" or "group:<not after>:<group>"
-- end_session(key, index, feed, head, feed_args, sid, record, deny_for, margin)   revokes a session
--   that stands, tells the feed, and returns until when: as long as its last access token.

local function announce(feed, head, feed_args, until_ms, entry)
  local now = tonumber(feed_args[1])
  local id = feed_args[2]
  local margin = tonumber(feed_args[4])

  redis.call("HSETNX", head, "epoch", feed_args[3])
  local seq = redis.call("HINCRBY", head, "seq", 1)
  local newest = seq == 1 and redis.call("LINDEX", feed, -1)
  if newest then
    -- A Redis that evicts took the head and left the feed: its numbers must go on.
    seq = tonumber(string.match(newest, "^(%d+):")) + 1
    redis.call("HSET", head, "seq", whole(seq))
  end
  redis.call("HSET", head, "id", id)
  redis.call("RPUSH", feed, whole(seq) .. ":" .. id .. ":" .. whole(until_ms) .. ":" .. entry)

  -- Only from the head: what is behind a living entry waits for it.
  for _ = 1, tonumber(feed_args[5]) do
    local oldest = redis.call("LINDEX", feed, 0)
    local ended = tonumber(string.match(oldest, "^%d+:%x+:(%d+):"))
    if ended + margin > now then
      break
    end
    redis.call("LPOP", feed)
  end

  local life = until_ms - now + margin
  keep_alive(feed, life)
  -- The head outlives the entries, so that a quiet time does not look like a flush.
  keep_alive(head, life + tonumber(feed_args[6]))

  -- Whoever listens reads the feed at once. That this fails (an ACL may forbid it) is no harm:
  -- everybody reads it now and then.
  redis.pcall("PUBLISH", feed, whole(seq))
end

local function end_session(key, index, feed, head, feed_args, sid, record, deny_for, margin)
  local now = tonumber(feed_args[1])
  local until_ms = math.max(now + deny_for, tonumber(record[LATEST_EXP]) * 1000 + margin)
  redis.call("HSET", key, "revokedAt", whole(now), "revokedUntil", whole(until_ms))
  redis.call("ZREM", index, sid)
  announce(feed, head, feed_args, until_ms, "session:" .. sid)
  return until_ms
end
