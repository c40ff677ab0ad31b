-- Writes and reads back a key of its own, as every operation does.
--
-- KEYS[1]  probe
-- ARGV[1]  lifetime of the key, ms
--
-- Returns "ready".

redis.call("SET", KEYS[1], "ready", "PX", ARGV[1])
return redis.call("GET", KEYS[1])
